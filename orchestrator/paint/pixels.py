"""Between pictures and the arrays that graphs take: 8-bit pixels on one side, -1..1 planes on the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orchestrator.diffusion import Array

Pixels = NDArray[np.uint8]
CLIP_SIZE = 224
CLIP_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
CLIP_DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def to_pixels(planes: Array) -> Pixels:
    """Turn planes in -1..1 (channels first) into pixels."""
    unit = (planes / 2 + 0.5).clip(0, 1).transpose(1, 2, 0)
    return (unit * 255).round().astype(np.uint8)


def to_planes(pixels: Pixels) -> Array:
    """Turn pixels into planes in -1..1, channels first."""
    return 2 * (pixels.astype(np.float32) / 255).transpose(2, 0, 1) - 1


def fit(pixels: Pixels, width: int, height: int) -> Pixels:
    """Crop a picture's middle to a shape and scale it to that size."""
    there, here = pixels.shape[:2]
    if (here, there) == (width, height):
        return pixels
    from PIL import Image  # here: painting from words does not need it

    scale = min(here / width, there / height)
    left, top = (here - width * scale) / 2, (there - height * scale) / 2
    box = (left, top, left + width * scale, top + height * scale)
    scaled = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS, box=box)
    return np.asarray(scaled, np.uint8)


def clip_view(pixels: Pixels) -> Array:
    """Return a picture as CLIP's image encoder takes it: its middle, 224 pixels wide and high, normalised."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = CLIP_SIZE / min(height, width)
    scaled = Image.fromarray(pixels).resize((int(width * scale), int(height * scale)), Image.Resampling.BICUBIC)
    left, top = (scaled.width - CLIP_SIZE) // 2, (scaled.height - CLIP_SIZE) // 2
    middle = np.asarray(scaled.crop((left, top, left + CLIP_SIZE, top + CLIP_SIZE)), np.float32)
    view: Array = ((middle / 255 - CLIP_MEAN) / CLIP_DEVIATION).transpose(2, 0, 1)
    return view
