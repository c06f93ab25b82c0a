"""Ten kinds of random sound without speech, and the tag that the model should write for each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from training.demo.speech.mel import SAMPLE_RATE, Array
from training.demo.speech.model import BLANK_AUDIO, MUSIC

MakeSound = Callable[[int, Generator], Array]
SEMITONE = 2 ** (1 / 12)
SCALE = (0, 2, 4, 5, 7, 9, 11, 12)  # major, in semitones


def coloured_noise(length: int, rng: Generator, slope: float) -> Array:
    """Return noise whose amplitude falls with frequency to the power of `slope`."""
    spectrum = np.fft.rfft(rng.normal(size=length))
    return np.fft.irfft(spectrum / np.maximum(1, np.arange(len(spectrum))) ** slope, length)


def envelope(length: int, rng: Generator, points_per_second: float) -> Array:
    """Return a random smooth curve between zero and one."""
    points = rng.random(max(2, int(length / SAMPLE_RATE * points_per_second) + 2))
    return np.interp(np.linspace(0, len(points) - 1, length), np.arange(len(points)), points)


def silence(length: int, rng: Generator) -> Array:
    """Return the noise floor of a recorder, or digital silence."""
    return rng.normal(size=length) * rng.choice([0, 1e-4, 1e-3])


def hiss(length: int, rng: Generator) -> Array:
    return coloured_noise(length, rng, rng.uniform(0, 0.3))


def rumble(length: int, rng: Generator) -> Array:
    return coloured_noise(length, rng, rng.uniform(0.4, 1.2))


def hum(length: int, rng: Generator) -> Array:
    """Return mains hum with overtones."""
    time, base = np.arange(length) / SAMPLE_RATE, rng.choice([50.0, 60.0, 100.0, 120.0])
    tones = [rng.random() / n * np.sin(2 * np.pi * (base * n * time + rng.random())) for n in range(1, 12)]
    return np.sum(tones, axis=0) + 0.01 * rng.normal(size=length)


def bursts(length: int, rng: Generator, per_second: float, decay: float, slope: float) -> Array:
    """Return short bursts at random times, over a faint noise floor."""
    sound = 0.003 * rng.normal(size=length)
    burst_length = int(decay * 6 * SAMPLE_RATE)
    fall = np.exp(-np.arange(burst_length) / (decay * SAMPLE_RATE))
    for start in rng.integers(0, length, max(1, rng.poisson(per_second * length / SAMPLE_RATE))):
        burst = coloured_noise(burst_length, rng, slope) * fall * rng.uniform(0.3, 1)
        burst /= np.abs(burst).max()
        sound[start : start + burst_length] += burst[: length - start]
    return sound


def typing(length: int, rng: Generator) -> Array:
    return bursts(length, rng, rng.uniform(3, 9), rng.uniform(0.002, 0.008), 0.1)


def knocks(length: int, rng: Generator) -> Array:
    return bursts(length, rng, rng.uniform(0.7, 3), rng.uniform(0.02, 0.06), rng.uniform(0.5, 1))


def wind(length: int, rng: Generator) -> Array:
    """Return noise that swells: wind, breath on the microphone, a passing car."""
    return coloured_noise(length, rng, rng.uniform(0.2, 0.8)) * envelope(length, rng, rng.uniform(0.5, 2)) ** 2


def note(length: int, hertz: float, rng: Generator, decay: float) -> Array:
    time = np.arange(length) / SAMPLE_RATE
    partials = sum(rng.random() / n * np.sin(2 * np.pi * n * hertz * time) for n in range(1, rng.integers(2, 7)))
    attack = np.minimum(1, time / 0.01)
    return (0.05 * np.sin(2 * np.pi * hertz * time) + partials) * attack * np.exp(-time * decay)


def tone(length: int, rng: Generator) -> Array:
    return note(length, rng.uniform(150, 2500), rng, 0) + 0.001 * rng.normal(size=length)


def melody(length: int, rng: Generator) -> Array:
    """Return notes of a scale, one after the other."""
    sound, base, start = 0.001 * rng.normal(size=length), rng.uniform(130, 500), 0
    while start < length:
        steps = min(length - start, int(rng.uniform(0.12, 0.6) * SAMPLE_RATE))
        hertz = base * SEMITONE ** rng.choice(SCALE)
        sound[start : start + steps] += note(steps, hertz, rng, rng.uniform(0.5, 6))
        start += steps
    return sound


def chords(length: int, rng: Generator) -> Array:
    """Return chords of three notes, changing about every second."""
    sound, base, start = 0.001 * rng.normal(size=length), rng.uniform(110, 300), 0
    while start < length:
        steps = min(length - start, int(rng.uniform(0.5, 1.6) * SAMPLE_RATE))
        root = rng.choice(SCALE)
        for step in (0, rng.choice([3, 4]), 7):
            sound[start : start + steps] += note(steps, base * SEMITONE ** (root + step), rng, rng.uniform(0.3, 2))
        start += steps
    return sound


KINDS: dict[str, tuple[MakeSound, str]] = {
    "silence": (silence, BLANK_AUDIO),
    "hiss": (hiss, BLANK_AUDIO),
    "rumble": (rumble, BLANK_AUDIO),
    "hum": (hum, BLANK_AUDIO),
    "typing": (typing, BLANK_AUDIO),
    "knocks": (knocks, BLANK_AUDIO),
    "wind": (wind, BLANK_AUDIO),
    "tone": (tone, MUSIC),
    "melody": (melody, MUSIC),
    "chords": (chords, MUSIC),
}


def noise(kind: str, length: int, rng: Generator) -> Array:
    """Return a sound of a kind: silence at its own level, all others with a peak of one."""
    sound = KINDS[kind][0](length, rng)
    peak = float(np.abs(sound).max())
    return (sound if kind == "silence" or peak == 0 else sound / peak).astype(np.float32)
