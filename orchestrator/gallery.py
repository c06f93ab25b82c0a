"""Pictures kept: pixels and a recipe go in, a PNG in a folder and a row in its index come out.

The files are the truth; `index.sqlite` beside them is remade from them. What is written elsewhere (`output`) carries its
recipe but is not indexed, for the index could not be remade from this folder. What a kept picture was painted from is
kept too: a picture that stands here stays (removing moves it to the trash), one from elsewhere is copied to `sources`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A picture on the disk."""

    id: str
    path: Path
    recipe: Recipe


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What making the index anew found."""

    pictures: int
    skipped: tuple[Path, ...]  # files without a recipe


class Gallery:
    """A folder of pictures and its index; every call stands alone, so that any number of processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(
        self, pixels: NDArray[np.uint8], recipe: Recipe, *, output: Path | None = None, source: Path | None = None
    ) -> Kept:
        """Keep a picture here, or write it to `output` (a file or a folder); `source` is what it was painted from."""
        raise NotImplementedError

    def list(self, limit: int | None = None) -> tuple[Kept, ...]:
        """List the pictures, newest first."""
        raise NotImplementedError

    def search(self, words: str, limit: int | None = None) -> tuple[Kept, ...]:
        """Find pictures whose prompt or transcript has all these words, or words that begin so; newest first."""
        raise NotImplementedError

    def show(self, wanted: str) -> Kept:
        """Find one picture by its id or the beginning of one."""
        raise NotImplementedError

    def source(self, recipe: Recipe) -> Path:
        """Find the picture that a picture was painted from, also in the trash; checked to be the very same."""
        raise NotImplementedError

    def remove(self, wanted: str) -> Kept:
        """Move a picture to the trash."""
        raise NotImplementedError

    def restore(self, wanted: str) -> Kept:
        """Bring a picture back from the trash."""
        raise NotImplementedError

    def export(self, wanted: Iterable[str], folder: Path, *, bare: bool = False) -> Iterator[Path]:
        """Copy pictures under names that people can read; bare ones carry no recipe, so nothing of what was said."""
        raise NotImplementedError

    def rebuild(self) -> Rebuilt:
        """Make the index anew from the files."""
        raise NotImplementedError
