"""What happens along the line, as small frozen values: the stages yield them, every face draws them its own way."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.meaning import Segment
    from orchestrator.recipe import Recipe
    from orchestrator.sound import Samples

Why = Literal["window", "key", "silence", "lost"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened."""

    def to_json(self) -> str:
        """Return the event as one line of JSON, without the fields that only a face can draw."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        shown = {each.name: getattr(self, each.name) for each in fields(self) if each.repr}
        return json.dumps({"event": name} | shown, default=_plain, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Note(Event):
    """Something the person should know: which models are used, what was cut."""

    text: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Working(Event):
    """A part of something long: fetching counts bytes, converting counts pieces."""

    what: str
    done: int = 0
    total: int = 0  # 0: unknown
    rate: float = 0.0  # bytes a second
    seconds_left: float | None = None


@dataclass(frozen=True, kw_only=True)
class ModelHere(Event):
    """A model is on this machine, whole and verified."""

    name: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Ready(Event):
    """A key starts the next sentence."""


@dataclass(frozen=True, kw_only=True)
class Opened(Event):
    """The microphone's first sound arrived."""

    device: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Level(Event):
    """A block of sound is on disk; how loud it is, in decibels below full scale."""

    level: float
    seconds: float  # recorded so far
    seconds_left: float
    samples: Samples = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Recorded(Event):
    """The recording has its final name."""

    path: Path
    seconds: float
    why: Why  # the window was full, a person or a silence stopped it, or the device was lost


@dataclass(frozen=True, kw_only=True)
class Words(Event):
    """The words so far."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Heard(Event):
    """The final words, as the speech model wrote them."""

    transcript: str
    language: str
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cleaned(Event):
    """What will be painted, and what the filter removed."""

    prompt: str
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Painted(Event):
    """A step of one picture; the last step carries its pixels."""

    picture: int  # from 0
    count: int
    index: int  # from 1
    steps: int
    seed: int
    denoised: NDArray[np.floating[Any]] = field(repr=False, compare=False)  # channels, height, width
    to_rgb: NDArray[np.float32] = field(repr=False, compare=False)  # latent channels, then a constant, to RGB in 0..1
    pixels: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)
    flagged: bool = field(default=False, repr=False)  # the model's own safety checker blanked the picture
    warnings: tuple[str, ...] = field(default=(), repr=False)

    def preview(self) -> NDArray[np.uint8]:
        """Return the picture so far, at the size of the latents: one small matrix product."""
        rgb = self.denoised.transpose(1, 2, 0) @ self.to_rgb[:-1] + self.to_rgb[-1]
        small: NDArray[np.uint8] = (rgb.clip(0.0, 1.0) * 255.0 + 0.5).astype("uint8")
        return small


@dataclass(frozen=True, kw_only=True)
class Drafted(Event):
    """A step of a picture of the words so far, painted while someone still speaks."""

    index: int  # from 1
    steps: int
    step: Painted = field(repr=False, compare=False)

    def preview(self) -> NDArray[np.uint8]:
        """Return the draft so far."""
        return self.step.preview()


@dataclass(frozen=True, kw_only=True)
class Kept(Event):
    """A picture is on the disk: at the destination that was asked for, else in the gallery."""

    id: str
    path: Path
    recipe: Recipe
    gallery: Path | None = None  # its file there, if it is kept there


@dataclass(frozen=True, kw_only=True)
class Timings(Event):
    """How long each stage took until now, in order."""

    seconds: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """Something could not be done; `source` is the recording it was meant for."""

    message: str
    hint: str
    code: int
    source: Path | None = None


def _plain(value: Any) -> Any:
    """Turn the values inside an event into JSON's own types."""
    if isinstance(value, Path):
        return str(value)
    return {each.name: getattr(value, each.name) for each in fields(value)}
