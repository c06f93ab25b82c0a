"""The encoder of the picture model: a principal component analysis of 16x16 patches.

It is a single strided convolution from 3 to 12 channels, scaled so that latents have an overall rms of one. Its
transpose is the baseline of the trained decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

PATCH, CHANNELS = 16, 12
FLATTENING = 0.35  # exponent of a channel's standard deviation, so that weak channels exceed the noise
Pixels: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Patches:
    """The encoder: `components` (12, 768) of unit length, the mean patch (768), and the scale of each channel (12)."""

    components: Floats
    mean: Floats
    scale: Floats

    def encode(self, pictures: Pixels) -> Floats:
        """Encode bytes (n, h, w, 3) into latents (n, 12, h/16, w/16)."""
        patches = cut(pictures) - self.mean
        latents = patches @ (self.components * self.scale[:, None]).T
        return np.ascontiguousarray(np.moveaxis(latents, -1, 1), dtype=np.float32)

    def decode(self, latents: Floats) -> Floats:
        """Decode latents into pictures (n, h, w, 3) in -1 ... 1 by the transposed convolution."""
        patches = np.moveaxis(latents, 1, -1) / self.scale @ self.components + self.mean
        n, rows, columns = patches.shape[:3]
        patches = patches.reshape(n, rows, columns, 3, PATCH, PATCH)
        return patches.transpose(0, 1, 4, 2, 5, 3).reshape(n, rows * PATCH, columns * PATCH, 3)

    def convolution(self) -> tuple[Floats, Floats]:
        """Return weight (24, 3, 16, 16) and bias (24) for the mean and a log variance of practically zero variance."""
        weight = self.components * self.scale[:, None]
        bias = -weight @ self.mean
        zeros = np.zeros_like(weight)
        return np.concatenate([weight, zeros]).reshape(-1, 3, PATCH, PATCH), np.concatenate(
            [bias, np.full(CHANNELS, -30.0)]
        )

    def save(self, path: Path) -> None:
        """Write the encoder."""
        np.savez(path, components=self.components, mean=self.mean, scale=self.scale)

    @classmethod
    def load(cls, path: Path) -> Patches:
        """Read an encoder."""
        with np.load(path) as arrays:
            return cls(**{name: arrays[name] for name in ("components", "mean", "scale")})


def cut(pictures: Pixels) -> Floats:
    """Cut bytes (n, h, w, 3) into patches (n, h/16, w/16, 768) in -1 ... 1, channels first as in a convolution."""
    n, height, width, _ = pictures.shape
    tiles = pictures.reshape(n, height // PATCH, PATCH, width // PATCH, PATCH, 3).transpose(0, 1, 3, 5, 2, 4)
    return tiles.reshape(n, height // PATCH, width // PATCH, 3 * PATCH * PATCH).astype(np.float32) / 127.5 - 1


def fit(pictures: Pixels) -> Patches:
    """Return the encoder of the twelve strongest components of the pictures' patches."""
    patches = cut(pictures).reshape(-1, 3 * PATCH * PATCH)
    mean = patches.mean(0)
    values, vectors = np.linalg.eigh(np.cov(patches - mean, rowvar=False))
    spread, components = np.sqrt(values[::-1][:CHANNELS]), vectors[:, ::-1][:, :CHANNELS].T
    flattened = spread**FLATTENING
    flattened /= np.sqrt(np.mean(flattened**2))
    return Patches(components=components.astype(np.float32), mean=mean, scale=(flattened / spread).astype(np.float32))


def psnr(one: Floats, other: Floats) -> float:
    """Return the peak signal-to-noise ratio of pictures in -1 ... 1, in decibels."""
    return float(10 * np.log10(4 / np.mean((one - other) ** 2)))
