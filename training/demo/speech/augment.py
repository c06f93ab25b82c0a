"""Augment clean utterances.

Samples vary in pace, room, noise and loudness; mel frames in vocal tract, microphone response and gaps. Everything is
drawn from one numpy `Generator`, so that a training step can be repeated. `strength` goes from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from training.demo.speech.mel import FLOOR, MELS, SAMPLE_RATE, Array, centres, hertz_to_mel
from training.demo.speech.noises import KINDS, noise

BANK_SECONDS = 11
SPEECH_NOISES = ("hiss", "rumble", "hum", "typing", "knocks", "wind", "melody", "chords")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """An augmented recording, and the samples between which there is speech."""

    samples: Array
    first: int
    last: int


def noise_bank(size: int, seed: int = 11) -> dict[str, list[Array]]:
    """Return long noises of every kind; recordings use random pieces of them."""
    rng = np.random.default_rng(seed)
    return {kind: [noise(kind, BANK_SECONDS * SAMPLE_RATE, rng) for _ in range(size)] for kind in KINDS}


def random_piece(bank: list[Array], length: int, rng: Generator) -> Array:
    """Return `length` consecutive samples of one of the noises."""
    sound = bank[rng.integers(len(bank))]
    start = rng.integers(0, len(sound) - length + 1)
    return sound[start : start + length]


def change_pace(samples: Array, factor: float) -> Array:
    """Resample, so that pace, pitch and formants change together."""
    length = int(len(samples) / factor)
    played: Array = np.interp(np.arange(length) * factor, np.arange(len(samples)), samples).astype(np.float32)
    return played


def add_reverb(samples: Array, rng: Generator) -> Array:
    """Add the reverberation of a room, without a tail beyond the end."""
    decay = rng.uniform(0.03, 0.15) * SAMPLE_RATE
    echo = rng.normal(size=int(decay * 4)) * np.exp(-np.arange(int(decay * 4)) / decay)
    echo *= rng.uniform(0.2, 1) / np.sqrt((echo**2).sum())
    echo[0] = 1
    size = 1 << (len(samples) + len(echo)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(echo, size), size)
    return wet[: len(samples)].astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How to augment a batch: the noises, the strength and the random generator."""

    bank: dict[str, list[Array]]
    strength: float
    rng: Generator


def augment(samples: Array, before: int, after: int, augmentation: Augmentation) -> Recording:
    """Add silence around an utterance, then reverberation, noise and a random loudness."""
    bank, strength, rng = augmentation.bank, augmentation.strength, augmentation.rng
    sound = np.pad(samples, (before, after))
    if rng.random() < 0.35 * strength:
        sound = add_reverb(sound, rng)
    level = float(np.sqrt((samples**2).mean()))
    if rng.random() < 0.75 * strength:
        kind = SPEECH_NOISES[rng.integers(len(SPEECH_NOISES))] if rng.random() < 0.6 else "hiss"
        back = random_piece(bank[kind], len(sound), rng)
        loudness = max(1e-6, float(np.sqrt((back**2).mean())))
        sound = sound + back * (level / loudness * 10 ** (-rng.uniform(38 - 35 * strength, 38) / 20))
    sound = sound * np.float32(10 ** rng.uniform(-1.5, 0.25))
    return Recording(samples=sound.astype(np.float32), first=before, last=before + len(samples))


MEL_CENTRES = centres()[1:-1]
MEL_STEP = float(hertz_to_mel(np.array(MEL_CENTRES[1])) - hertz_to_mel(np.array(MEL_CENTRES[0])))


def warp_matrix(factor: float) -> Array:
    """Return a matrix that reads each mel band from `factor` times its frequency: another vocal tract length."""
    place = hertz_to_mel(MEL_CENTRES * factor) / MEL_STEP - 1
    place = place.clip(0, MELS - 1 - 1e-6)
    left = place.astype(int)
    matrix = np.zeros((MELS, MELS), dtype=np.float32)
    matrix[np.arange(MELS), left] = 1 - (place - left)
    matrix[np.arange(MELS), left + 1] += place - left
    return matrix


def microphone_response(rng: Generator) -> Array:
    """Return a random response in decades of power: a tilt, bumps, sometimes the band of a telephone."""
    curve = np.linspace(-1, 1, MELS) * rng.normal() * 0.5
    curve += np.interp(np.linspace(0, 6, MELS), np.arange(7), rng.normal(size=7) * 0.3)
    if rng.random() < 0.1:
        lowest, highest = rng.uniform(150, 350), rng.uniform(3200, 5500)
        curve -= (lowest > MEL_CENTRES) * rng.uniform(1, 3) + (highest < MEL_CENTRES) * rng.uniform(1, 4)
    return curve.astype(np.float32)


def perturb_vocal_tracts(powers: Tensor, strength: float, rng: Generator) -> Tensor:
    """Vary the vocal tract (Jaitly and Hinton, 2013) and the microphone of mel powers (batch, mels, frames)."""
    factors = 1 + strength * rng.uniform(-0.14, 0.17, size=len(powers))
    matrices = torch.from_numpy(np.stack([warp_matrix(factor) for factor in factors]))
    responses = torch.from_numpy(np.stack([strength * microphone_response(rng) for _ in factors]))
    logs: Tensor = matrices @ powers.clamp(min=FLOOR).log10() + responses[:, :, None]
    return torch.pow(10.0, logs)


def spec_augment(mel: Tensor, spans: list[tuple[int, int]], rng: Generator) -> Tensor:
    """Mask short stretches of time and narrow bands (SpecAugment, Park et al., 2019)."""
    quiet = mel.amin(dim=(1, 2))
    for row, (first, last) in enumerate(spans):
        for _ in range(rng.integers(0, 3)):
            start, width = rng.integers(first, max(first + 1, last)), rng.integers(1, 11)
            mel[row, :, start : start + width] = quiet[row]
        for _ in range(rng.integers(0, 3)):
            start, width = rng.integers(0, MELS), rng.integers(1, 8)
            mel[row, start : start + width] = mel[row].mean()
    return mel
