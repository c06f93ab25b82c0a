"""Prompt to picture: a Request goes in, Steps come out, the last of each picture with its pixels.

Engines are named here and imported only when one is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.errors import Misuse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAINTERS = {
    "coreml": "orchestrator.paint.coreml:painter",
    "onnx": "orchestrator.paint.onnx:painter",
    "openvino": "orchestrator.paint.openvino:painter",
    "apple": "orchestrator.paint.apple:painter",
}
SAMPLERS = ("dpm++2m", "pndm", "euler", "euler-a", "ddim", "lcm")
SPACINGS = ("leading", "trailing", "linspace", "karras")
COMPUTE_UNITS = ("auto", "cpu", "gpu", "ne", "all")
MAX_CHARACTERS = 10_000
MAX_STEPS = 1_000
MAX_COUNT = 1_000
MAX_SEED = 2**32 - 1  # of numpy's RandomState


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to paint; None means what the model likes best."""

    prompt: str
    negative: str = ""
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    spacing: str | None = None
    count: int = 1
    image: NDArray[np.uint8] | None = field(default=None, compare=False)  # height, width, RGB
    strength: float = 0.8

    def __post_init__(self) -> None:
        _check_text("prompt", self.prompt)
        _check_text("negative prompt", self.negative)
        if not self.prompt.strip():
            raise Misuse("the prompt is empty", 'say what to paint: audio-to-image paint "a red house by the sea"')
        _check_range("steps", self.steps, 1, MAX_STEPS)
        _check_range("guidance", self.guidance, 0.0, 100.0)
        _check_range("strength", self.strength, 0.0, 1.0)
        _check_range("count", self.count, 1, MAX_COUNT)
        _check_range("seed", self.seed, 0, MAX_SEED - self.count + 1)
        _check_choice("sampler", self.sampler, SAMPLERS)
        _check_choice("spacing", self.spacing, SPACINGS)
        if self.image is not None:
            _check_image(self.image)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of one picture; the last one carries the picture."""

    picture: int  # which one of the batch, from 0
    index: int  # from 1
    steps: int
    seed: int
    estimate: NDArray[np.floating[Any]]  # the clean latents as the model sees them now: channels, height, width
    matrix: NDArray[np.float32]  # latent channels, then a constant, to RGB in 0..1
    pixels: NDArray[np.uint8] | None = None
    flagged: bool = False  # the model's own safety checker blanked the picture
    warnings: tuple[str, ...] = ()

    def preview(self) -> NDArray[np.uint8]:
        """Show the picture so far at the size of the latents, at the price of one small matrix."""
        rgb = self.estimate.transpose(1, 2, 0) @ self.matrix[:-1] + self.matrix[-1]
        small: NDArray[np.uint8] = (rgb.clip(0.0, 1.0) * 255.0 + 0.5).astype("uint8")
        return small


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What a painter runs on, for the recipe."""

    name: str
    model: str
    compute_unit: str
    threads: int
    versions: Mapping[str, str]


class Painter(Protocol):
    """A model that paints."""

    @property
    def engine(self) -> Engine:
        """Tell what this painter runs on."""

    @property
    def size(self) -> tuple[int, int]:
        """Tell the width and height of its pictures."""

    def resolve(self, request: Request) -> Request:
        """Fill in the model's own choices where the request leaves them open; refuse what it cannot do."""

    def load(self) -> None:
        """Bring the model into memory."""

    def paint(self, request: Request) -> Iterator[Step]:
        """Yield every step of every picture; loads if need be; stop iterating to stop the work."""

    def unload(self) -> None:
        """Give the memory back."""


def open_painter(
    folder: Path, *, engine: str = "auto", compute_unit: str = "auto", threads: int | None = None
) -> Painter:
    """Choose an engine for a model's folder and open it; nothing heavy is loaded before `load`."""
    from orchestrator.paint.folder import choose

    chosen, place = choose(folder, engine)
    _check_choice("compute unit", compute_unit, COMPUTE_UNITS)
    _check_range("threads", threads, 1, 1024)
    module, function = PAINTERS[chosen].split(":")
    painter: Painter = getattr(import_module(module), function)(place, compute_unit=compute_unit, threads=threads)
    return painter


def _check_text(what: str, text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise Misuse(
            f"the {what} has {len(text):,} characters; {MAX_CHARACTERS:,} is the most", "say it in fewer words"
        )
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Misuse(f"the {what} is not text: it holds a NUL or half a character", "pass plain UTF-8 text")


def _check_image(image: NDArray[np.uint8]) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != "uint8" or not image.size:
        raise Misuse(
            f"a picture of shape {image.shape} and type {image.dtype} cannot be painted from", "pass 8-bit RGB"
        )


def _check_range(what: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not (math.isfinite(value) and least <= value <= most):
        raise Misuse(
            f"{what} must lie between {least:g} and {most:g}, not {value}",
            f"audio-to-image paint --help explains {what}",
        )


def _check_choice(what: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise Misuse(f"there is no {what} {value!r}", f"choose one of: {', '.join(choices)}")
