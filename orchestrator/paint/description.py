"""What painting must know about a model and its graphs do not say: kept in `model.json` beside them.

Apple's folders have no such file; `known.py` describes those from the shapes of their graphs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator import files, typed
from orchestrator.choices import SAMPLERS, SPACINGS
from orchestrator.diffusion.noise import Betas, Schedule
from orchestrator.errors import AudioToImageError

FILE_NAME = "model.json"
PREDICTIONS = ("epsilon", "v")
BETA_SCHEDULES = ("scaled_linear", "linear")


@dataclass(frozen=True, kw_only=True)
class Description:
    """One Stable Diffusion model: its noise, its latents, its words, and its preferred settings."""

    name: str
    latent_shape: tuple[int, int, int]  # channels, height, width
    size: tuple[int, int]  # width, height of the picture in pixels
    text_width: int  # channels of one token's embedding
    prediction: str = "epsilon"
    beta_start: float = 0.00085
    beta_end: float = 0.012
    beta_schedule: str = "scaled_linear"
    train_steps: int = 1000
    steps_offset: int = 1  # added to every timestep of "leading" spacing
    zero_terminal_snr: bool = False
    latent_scale: float = 0.18215
    token_length: int = 77
    token_padding: int = 49407
    steps: int = 20
    guidance: float = 7.5
    sampler: str = "dpm++2m"
    spacing: str = "leading"
    preview: tuple[tuple[float, float, float], ...] = ()  # latent channels, then a constant, to RGB in 0..1
    words: tuple[str, ...] | None = None  # the whole vocabulary of a demo model
    variant: str = "original"  # of Core ML's attention: original, split_einsum, split_einsum_v2
    licence: str = ""

    def __post_init__(self) -> None:
        choices = {"prediction": PREDICTIONS, "beta_schedule": BETA_SCHEDULES, "sampler": SAMPLERS, "spacing": SPACINGS}
        for name, values in choices.items():
            _check(getattr(self, name) in values, f"{name} is none of {', '.join(values)}")
        for name in ("latent_shape", "size"):
            _check(min(getattr(self, name)) > 0, f"{name} holds a size below one")
        for name in ("train_steps", "steps", "text_width", "token_length"):
            _check(getattr(self, name) > 0, f"{name} is below one")
        rows = self.latent_shape[0] + 1
        _check(len(self.preview) in (0, rows), f"preview has {len(self.preview)} rows, not {rows}")
        _check(self.prediction == "v" or not self.zero_terminal_snr, "epsilon prediction cannot start from pure noise")

    @property
    def schedule(self) -> Schedule:
        """Return the noise schedule that the model was trained with."""
        return Betas(
            start=self.beta_start,
            end=self.beta_end,
            scaled=self.beta_schedule == "scaled_linear",
            zero_terminal_snr=self.zero_terminal_snr,
            train_steps=self.train_steps,
            steps_offset=self.steps_offset,
        )

    def write(self, folder: Path) -> Path:
        """Write `model.json` into a model's folder."""
        target = folder / FILE_NAME
        files.write_whole(target, (json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n").encode())
        return target

    @classmethod
    def read(cls, folder: Path) -> Description:
        """Read `model.json` from a model's folder."""
        path = folder / FILE_NAME
        try:
            return typed.build(cls, json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise AudioToImageError(f"{folder} has no {FILE_NAME}", "audio-to-image models verify") from error
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise AudioToImageError(
                f"{path} does not describe a model: {error}", "audio-to-image models verify"
            ) from error


def _check(holds: bool, complaint: str) -> None:
    if not holds:
        raise ValueError(complaint)
