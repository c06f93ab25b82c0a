"""What painting must know about a model and its graphs do not say: kept in `model.json` beside them.

Apple's folders have no such file; `known.py` describes those from the shapes of their graphs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from orchestrator import files
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
        for name, count in {"latent_shape": 3, "size": 2}.items():
            sizes = getattr(self, name)
            fits = isinstance(sizes, tuple) and len(sizes) == count and all(map(_counts, sizes))
            _check(fits, f"{name} is not a shape")
        for name in ("train_steps", "steps", "text_width", "token_length"):
            _check(_counts(getattr(self, name)), f"{name} is not a count")
        for name in ("beta_start", "beta_end", "latent_scale", "guidance"):
            _check(isinstance(getattr(self, name), int | float), f"{name} is not a number")
        rows = self.latent_shape[0] + 1
        _check(
            len(self.preview) in (0, rows) and all(len(row) == 3 for row in self.preview), f"preview is not {rows}x3"
        )
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
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(**_frozen(values))
        except FileNotFoundError as error:
            raise AudioToImageError(f"{folder} has no {FILE_NAME}", "audio-to-image models verify") from error
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise AudioToImageError(
                f"{path} does not describe a model: {error}", "audio-to-image models verify"
            ) from error


def _check(holds: bool, complaint: str) -> None:
    if not holds:
        raise ValueError(complaint)


def _counts(value: object) -> bool:
    return type(value) is int and value > 0


def _frozen(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn JSON's lists into tuples; leave out the fields of a later version."""
    names = {field.name for field in fields(Description)}
    return {name: _tuple(value) for name, value in values.items() if name in names}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value
