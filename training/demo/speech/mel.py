"""Log-mel frames exactly as whisper.cpp computes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray[Any, np.dtype[Any]]
SAMPLE_RATE = 16_000
FFT, HOP, MELS = 400, 160, 80
FRAMES_PER_SECOND = SAMPLE_RATE // HOP
FLOOR = 1e-10


def hertz_to_mel(hertz: Array) -> Array:
    """Convert to Slaney's mel scale: linear below 1 kHz, logarithmic above."""
    return np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hertz(mel: Array) -> Array:
    """Convert from Slaney's mel scale."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def centres(mels: int = MELS) -> Array:
    """Return the centres of the mel bands in hertz, with the lowest and the highest edge: `mels + 2` values."""
    top = hertz_to_mel(np.array(SAMPLE_RATE / 2))
    return mel_to_hertz(np.linspace(0, float(top), mels + 2))


def filters(mels: int = MELS) -> Array:
    """Return triangular filters of equal area, (mels, 201), as in Whisper's model files."""
    edges, bins = centres(mels), np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    area = 2 / (edges[2:] - edges[:-2])[:, None]
    return (np.maximum(0, np.minimum(rising, falling)) * area).astype(np.float32)


_FILTERS, _WINDOW = torch.from_numpy(filters()), torch.hann_window(FFT)


def power(samples: Tensor, frames: int) -> Tensor:
    """Return mel powers (batch, mels, frames) of samples (batch, length), padded or cut to `frames` frames."""
    length = frames * HOP + FFT
    samples = torch.nn.functional.pad(samples, (0, max(0, length - samples.shape[-1])))[..., :length]
    spectrum = torch.stft(samples, FFT, HOP, window=_WINDOW, return_complex=True)[..., :frames]
    return _FILTERS @ (spectrum.real.square() + spectrum.imag.square())


def log_mel(powers: Tensor) -> Tensor:
    """Return the model's input for mel powers (batch, mels, frames); the floor is eight decades below the loudest."""
    logs = powers.clamp(min=FLOOR).log10()
    logs = torch.maximum(logs, logs.amax(dim=(1, 2), keepdim=True) - 8)
    return (logs + 4) / 4


def window(samples: Array, frames: int) -> Tensor:
    """Return a recording as whisper.cpp feeds it to the model: (mels, frames), padded with silence."""
    return log_mel(power(torch.from_numpy(np.asarray(samples, dtype=np.float32))[None], frames))[0]
