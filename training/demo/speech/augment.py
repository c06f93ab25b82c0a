"""Turn clean utterances into what rooms, microphones and throats make of them.

Two halves: on the samples (pace, room, noise, loudness) and on the mel frames (vocal tract, the microphone's colour,
gaps). Everything is drawn from one numpy `Generator`, so that a training step can be repeated. Hardness, from 0 to 1,
is how far it goes.
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
VOICE_NOISES = ("hiss", "rumble", "hum", "typing", "knocks", "wind", "melody", "chords")


@dataclass(frozen=True, kw_only=True)
class Take:
    """One recording: its samples, and where in it the words are."""

    samples: Array
    first: int
    last: int


def noise_bank(size: int, seed: int = 11) -> dict[str, list[Array]]:
    """Make noises once; takes cut random pieces out of them."""
    chance = np.random.default_rng(seed)
    return {kind: [noise(kind, BANK_SECONDS * SAMPLE_RATE, chance) for _ in range(size)] for kind in KINDS}


def piece(bank: list[Array], length: int, chance: Generator) -> Array:
    sound = bank[chance.integers(len(bank))]
    start = chance.integers(0, len(sound) - length + 1)
    return sound[start : start + length]


def repaced(samples: Array, factor: float) -> Array:
    """Play faster or slower, pitch and formants with it."""
    length = int(len(samples) / factor)
    played: Array = np.interp(np.arange(length) * factor, np.arange(len(samples)), samples).astype(np.float32)
    return played


def in_room(samples: Array, chance: Generator) -> Array:
    """Let the sound die away in a room, without a tail beyond its end."""
    decay = chance.uniform(0.03, 0.15) * SAMPLE_RATE
    echo = chance.normal(size=int(decay * 4)) * np.exp(-np.arange(int(decay * 4)) / decay)
    echo *= chance.uniform(0.2, 1) / np.sqrt((echo**2).sum())
    echo[0] = 1
    size = 1 << (len(samples) + len(echo)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(echo, size), size)
    return wet[: len(samples)].astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Studio:
    """Where takes are recorded: its noises, how much it spoils them, and the dice."""

    bank: dict[str, list[Array]]
    hardness: float
    chance: Generator


def take(samples: Array, before: int, after: int, studio: Studio) -> Take:
    """Record an utterance: silence around it, a room, noise, some loudness."""
    bank, hardness, chance = studio.bank, studio.hardness, studio.chance
    sound = np.pad(samples, (before, after))
    if chance.random() < 0.35 * hardness:
        sound = in_room(sound, chance)
    level = float(np.sqrt((samples**2).mean()))
    if chance.random() < 0.75 * hardness:
        kind = VOICE_NOISES[chance.integers(len(VOICE_NOISES))] if chance.random() < 0.6 else "hiss"
        back = piece(bank[kind], len(sound), chance)
        loudness = max(1e-6, float(np.sqrt((back**2).mean())))
        sound = sound + back * (level / loudness * 10 ** (-chance.uniform(38 - 35 * hardness, 38) / 20))
    sound = sound * np.float32(10 ** chance.uniform(-1.5, 0.25))
    return Take(samples=sound.astype(np.float32), first=before, last=before + len(samples))


MEL_CENTRES = centres()[1:-1]
MEL_STEP = float(hertz_to_mel(np.array(MEL_CENTRES[1])) - hertz_to_mel(np.array(MEL_CENTRES[0])))


def stretch_matrix(factor: float) -> Array:
    """Read each mel band from `factor` times its frequency: another length of the vocal tract."""
    place = hertz_to_mel(MEL_CENTRES * factor) / MEL_STEP - 1
    place = place.clip(0, MELS - 1 - 1e-6)
    left = place.astype(int)
    matrix = np.zeros((MELS, MELS), dtype=np.float32)
    matrix[np.arange(MELS), left] = 1 - (place - left)
    matrix[np.arange(MELS), left + 1] += place - left
    return matrix


def colour(chance: Generator) -> Array:
    """A microphone's response in decades of power: a tilt, bumps, now and then a telephone's band."""
    curve = np.linspace(-1, 1, MELS) * chance.normal() * 0.5
    curve += np.interp(np.linspace(0, 6, MELS), np.arange(7), chance.normal(size=7) * 0.3)
    if chance.random() < 0.1:
        lowest, highest = chance.uniform(150, 350), chance.uniform(3200, 5500)
        curve -= (lowest > MEL_CENTRES) * chance.uniform(1, 3) + (highest < MEL_CENTRES) * chance.uniform(1, 4)
    return curve.astype(np.float32)


def other_throats(powers: Tensor, hardness: float, chance: Generator) -> Tensor:
    """Vary mel powers of (batch, mels, frames) by the length of the vocal tract and by the microphone."""
    factors = 1 + hardness * chance.uniform(-0.14, 0.17, size=len(powers))
    matrices = torch.from_numpy(np.stack([stretch_matrix(factor) for factor in factors]))
    colours = torch.from_numpy(np.stack([hardness * colour(chance) for _ in factors]))
    logs: Tensor = matrices @ powers.clamp(min=FLOOR).log10() + colours[:, :, None]
    return torch.pow(10.0, logs)


def punch(mel: Tensor, spans: list[tuple[int, int]], chance: Generator) -> Tensor:
    """Hide short stretches of time and narrow bands, as a dropout would."""
    quiet = mel.amin(dim=(1, 2))
    for row, (first, last) in enumerate(spans):
        for _ in range(chance.integers(0, 3)):
            start, width = chance.integers(first, max(first + 1, last)), chance.integers(1, 11)
            mel[row, :, start : start + width] = quiet[row]
        for _ in range(chance.integers(0, 3)):
            start, width = chance.integers(0, MELS), chance.integers(1, 8)
            mel[row, start : start + width] = mel[row].mean()
    return mel
