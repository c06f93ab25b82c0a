"""A picture with its recipe inside: pixels and a Recipe to PNG bytes, and a Recipe from any file at all.

Text chunks: our own JSON, and `parameters` in the form that other picture tools read (PNG specification, 11.3.4).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write_png(path: Path, pixels: NDArray[np.uint8], recipe: Recipe) -> Recipe:
    """Write a picture with its recipe in it; gives the recipe back with the pixels' digest."""
    raise NotImplementedError


def to_png(pixels: NDArray[np.uint8], recipe: Recipe) -> bytes:
    """Encode a picture with its recipe in it."""
    raise NotImplementedError


def read_png(path: Path) -> Recipe | None:
    """Read the recipe of a picture; None where the file holds none, whatever else it is."""
    raise NotImplementedError


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Read any picture file as height, width, RGB; turned upright, and refused where it is no picture or a bomb."""
    raise NotImplementedError


def pixels_digest(pixels: NDArray[np.uint8]) -> str:
    """Digest a picture's rows of RGB: two pictures are the same where this is."""
    raise NotImplementedError
