"""A picture to paint from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import picture as png

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Source:
    """A picture to paint from, and what recipes record about it; made by `Gallery.source_of` and `find_source`."""

    path: Path
    parent: str = ""  # the id in its recipe
    image: str = ""  # SHA-256 of the file; "" for a picture that stands in the gallery or its trash

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """Decode the picture, once."""
        return png.read_pixels(self.path)

    @cached_property
    def parent_pixels(self) -> str:
        """Return the SHA-256 of the pixels."""
        return png.pixels_digest(self.pixels)
