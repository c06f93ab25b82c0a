"""Ten kinds of sound that nobody said, made by chance: what a microphone hears when there are no words.

Comes in: a length in samples and a numpy `Generator`. Goes out: float samples with a peak of one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from training.demo.speech.mel import SAMPLE_RATE, Array
from training.demo.speech.model import BLANK_AUDIO, MUSIC

Sound = Callable[[int, Generator], Array]
SEMITONE = 2 ** (1 / 12)
SCALE = (0, 2, 4, 5, 7, 9, 11, 12)  # major, in semitones


def shaped(length: int, chance: Generator, slope: float) -> Array:
    """Noise whose amplitude falls with frequency to the power of `slope`."""
    spectrum = np.fft.rfft(chance.normal(size=length))
    return np.fft.irfft(spectrum / np.maximum(1, np.arange(len(spectrum))) ** slope, length)


def envelope(length: int, chance: Generator, points_per_second: float) -> Array:
    """A curve that wanders between zero and one."""
    points = chance.random(max(2, int(length / SAMPLE_RATE * points_per_second) + 2))
    return np.interp(np.linspace(0, len(points) - 1, length), np.arange(len(points)), points)


def silence(length: int, chance: Generator) -> Array:
    """A recorder's own floor: the last bit flickers, or nothing does."""
    return chance.normal(size=length) * chance.choice([0, 1e-4, 1e-3])


def hiss(length: int, chance: Generator) -> Array:
    return shaped(length, chance, chance.uniform(0, 0.3))


def rumble(length: int, chance: Generator) -> Array:
    return shaped(length, chance, chance.uniform(0.4, 1.2))


def hum(length: int, chance: Generator) -> Array:
    """The mains, with overtones."""
    time, base = np.arange(length) / SAMPLE_RATE, chance.choice([50.0, 60.0, 100.0, 120.0])
    tones = [chance.random() / n * np.sin(2 * np.pi * (base * n * time + chance.random())) for n in range(1, 12)]
    return np.sum(tones, axis=0) + 0.01 * chance.normal(size=length)


def strikes(length: int, chance: Generator, per_second: float, decay: float, slope: float) -> Array:
    """Short bursts at random times, over a faint floor."""
    sound = 0.003 * chance.normal(size=length)
    burst_length = int(decay * 6 * SAMPLE_RATE)
    fall = np.exp(-np.arange(burst_length) / (decay * SAMPLE_RATE))
    for start in chance.integers(0, length, max(1, chance.poisson(per_second * length / SAMPLE_RATE))):
        burst = shaped(burst_length, chance, slope) * fall * chance.uniform(0.3, 1)
        burst /= np.abs(burst).max()
        sound[start : start + burst_length] += burst[: length - start]
    return sound


def typing(length: int, chance: Generator) -> Array:
    return strikes(length, chance, chance.uniform(3, 9), chance.uniform(0.002, 0.008), 0.1)


def knocks(length: int, chance: Generator) -> Array:
    return strikes(length, chance, chance.uniform(0.7, 3), chance.uniform(0.02, 0.06), chance.uniform(0.5, 1))


def wind(length: int, chance: Generator) -> Array:
    """Noise that swells: wind, breath on the microphone, a passing car."""
    return shaped(length, chance, chance.uniform(0.2, 0.8)) * envelope(length, chance, chance.uniform(0.5, 2)) ** 2


def note(length: int, hertz: float, chance: Generator, decay: float) -> Array:
    time = np.arange(length) / SAMPLE_RATE
    partials = sum(chance.random() / n * np.sin(2 * np.pi * n * hertz * time) for n in range(1, chance.integers(2, 7)))
    attack = np.minimum(1, time / 0.01)
    return (0.05 * np.sin(2 * np.pi * hertz * time) + partials) * attack * np.exp(-time * decay)


def tone(length: int, chance: Generator) -> Array:
    return note(length, chance.uniform(150, 2500), chance, 0) + 0.001 * chance.normal(size=length)


def melody(length: int, chance: Generator) -> Array:
    """One instrument playing notes of a scale, one after the other."""
    sound, base, start = 0.001 * chance.normal(size=length), chance.uniform(130, 500), 0
    while start < length:
        steps = min(length - start, int(chance.uniform(0.12, 0.6) * SAMPLE_RATE))
        hertz = base * SEMITONE ** chance.choice(SCALE)
        sound[start : start + steps] += note(steps, hertz, chance, chance.uniform(0.5, 6))
        start += steps
    return sound


def chords(length: int, chance: Generator) -> Array:
    """Three notes at once, changing every second or so."""
    sound, base, start = 0.001 * chance.normal(size=length), chance.uniform(110, 300), 0
    while start < length:
        steps = min(length - start, int(chance.uniform(0.5, 1.6) * SAMPLE_RATE))
        root = chance.choice(SCALE)
        for step in (0, chance.choice([3, 4]), 7):
            sound[start : start + steps] += note(
                steps, base * SEMITONE ** (root + step), chance, chance.uniform(0.3, 2)
            )
        start += steps
    return sound


KINDS: dict[str, tuple[Sound, str]] = {
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


def noise(kind: str, length: int, chance: Generator) -> Array:
    """Make one sound of a kind; silence keeps its level, the others have a peak of one."""
    sound = KINDS[kind][0](length, chance)
    peak = float(np.abs(sound).max())
    return (sound if kind == "silence" or peak == 0 else sound / peak).astype(np.float32)
