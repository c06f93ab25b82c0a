"""What the loop must know about a model and its graphs do not say: in from `model.json` beside them, out to it.

A folder of Apple's has no such file; `known.py` describes those from the shapes of their graphs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from orchestrator.errors import AudioToImageError

FILE_NAME = "model.json"
PREDICTIONS = ("epsilon", "v")
BETA_SCHEDULES = ("scaled_linear", "linear")


@dataclass(frozen=True, kw_only=True)
class Description:
    """One Stable Diffusion model: its noise, its latents, its words, and what it likes to be painted with."""

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
        if self.prediction not in PREDICTIONS or self.beta_schedule not in BETA_SCHEDULES:
            raise ValueError(f"unknown prediction or betas: {self.prediction}, {self.beta_schedule}")
        if self.zero_terminal_snr and self.prediction != "v":
            raise ValueError("noise without any signal cannot be told apart by epsilon prediction")
        if self.preview and len(self.preview) != self.latent_shape[0] + 1:
            raise ValueError(f"the preview matrix needs {self.latent_shape[0] + 1} rows, not {len(self.preview)}")

    def write(self, folder: Path) -> Path:
        """Write `model.json` into a model's folder."""
        target = folder / FILE_NAME
        part = target.with_name(f".{FILE_NAME}.{os.getpid()}")
        part.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(target)
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


def _frozen(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows only lists; a description keeps tuples. Fields of a later version are left out."""
    names = {field.name for field in fields(Description)}
    return {name: _tuple(value) for name, value in values.items() if name in names}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value
