"""Paint pictures: a Wish goes in; the Decision that it became comes out, then every step of every picture.

An engine is the module of its name in this package, imported only when it is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.choices import MAX_CHARACTERS, MAX_THREADS, PaintEngine, Painting, check, check_range, is_text
from orchestrator.errors import Misuse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.events import Painted


@dataclass(frozen=True, kw_only=True)
class Wish(Painting):
    """What someone wants painted; None leaves a choice to the model."""

    prompt: str
    image: NDArray[np.uint8] | None = field(default=None, compare=False)  # to start from: height, width, RGB

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_text("prompt", self.prompt)
        _check_text("negative prompt", self.negative)
        if not self.prompt.strip():
            raise Misuse("the prompt is empty", 'say what to paint: audio-to-image paint "a red house by the sea"')
        if self.image is not None:
            _check_image(self.image)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """How a wish is painted, with nothing left open: what a recipe records."""

    prompt: str
    negative: str
    seed: int
    steps: int
    guidance: float
    sampler: str
    spacing: str
    count: int
    strength: float | None  # None: not painted from an image
    width: int
    height: int
    image: NDArray[np.uint8] | None = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a painter runs on and the size of its pictures: none of it changes."""

    engine: str
    model: str
    compute_unit: str
    threads: int
    versions: Mapping[str, str]
    width: int
    height: int


class Painter(Protocol):
    """A model that paints."""

    @property
    def facts(self) -> Facts:
        """Return what the painter runs on."""

    def load(self) -> Facts:
        """Load what every picture needs."""

    def paint(self, wish: Wish) -> Iterator[Decision | Painted]:
        """Yield the decision, then every step of every picture.

        Raises at once, before anything is loaded, where the wish cannot be fulfilled. Loads if needed. Stop iterating
        to stop the work.
        """

    def unload(self) -> None:
        """Free the memory."""


def open_painter(
    folder: Path, *, engine: str = "auto", compute_unit: str = "auto", threads: int | None = None, batch: int = 1
) -> Painter:
    """Choose an engine for a model's folder and open it; `batch` pictures share a network call.

    Nothing heavy is loaded before `load`.
    """
    from orchestrator.paint.folder import choose

    check(PaintEngine(engine=engine, compute_unit=compute_unit, batch=batch))
    if threads is not None:
        check_range("threads", threads, 1, MAX_THREADS)
    chosen, place = choose(folder, engine)
    module = import_module(f"orchestrator.paint.{chosen}")
    painter: Painter = module.painter(place, compute_unit=compute_unit, threads=threads, batch=batch)
    return painter


def _check_text(what: str, text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise Misuse(
            f"the {what} has {len(text):,} characters; {MAX_CHARACTERS:,} is the most", "say it in fewer words"
        )
    if not is_text(text):
        raise Misuse(f"the {what} is not text: it holds a NUL or half a character", "pass plain UTF-8 text")


def _check_image(image: NDArray[np.uint8]) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != "uint8" or not image.size:
        raise Misuse(
            f"a picture of shape {image.shape} and type {image.dtype} cannot be painted from", "pass 8-bit RGB"
        )
