"""Synthetic sounds without understandable speech: `sound(kind, number)` returns 16-bit samples.

The number seeds everything random. No model was trained on these sounds.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from orchestrator.sound import SAMPLE_RATE, Samples, read

Wave = NDArray[np.float64]
SPEAKERS = 60
SENTENCES = (
    "the second train to the harbour leaves at a quarter past nine", "my sister has never liked green apples",
    "they painted the kitchen yellow and the door blue", "we could meet by the fountain after work",
    "nobody told him that the shop would be closed on monday", "a little more sugar in the coffee would be fine",
    "the old man by the window reads his newspaper aloud", "please put the big red box under the table",
    "it rained all morning and then the sun came out", "she has bought three tickets for the concert",
)  # fmt: skip
VARIANTS = ("m1", "m3", "m7", "f2", "f4", "f5", "klatt", "croak", "Annie", "Mario", "Lee", "Andy")


def filtered_noise(length: int, rng: Generator, slope: float, low: float = 20.0, high: float = 8000.0) -> Wave:
    """Return noise between two frequencies whose amplitude falls with frequency to the power of `slope`."""
    hertz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.normal(size=length)) / np.maximum(hertz, 20.0) ** slope
    return np.fft.irfft(spectrum * ((hertz >= low) & (hertz <= high)), length)


def curve(length: int, rng: Generator, seconds: float) -> Wave:
    """Return a curve between 0 and 1 that changes direction about every `seconds`."""
    turns = rng.random(int(length / SAMPLE_RATE / seconds) + 3)
    return np.interp(np.linspace(0, len(turns) - 1, length), np.arange(len(turns)), turns)


def times(length: int) -> Wave:
    return np.arange(length) / SAMPLE_RATE


def repeated(length: int, rng: Generator, every: float, burst: Wave) -> Wave:
    """Repeat a sound about every `every` seconds, with varying loudness."""
    sound = 1e-4 * rng.normal(size=length)
    at = 0.0
    while (start := int(at * SAMPLE_RATE)) < length:
        part = burst[: length - start]
        sound[start : start + len(part)] += part * rng.uniform(0.4, 1.0)
        at += every * rng.uniform(0.6, 1.5)
    return sound


def fading(wave: Wave, seconds: float) -> Wave:
    return wave * np.exp(-times(len(wave)) / seconds)


def note(seconds: float, hertz: float, rng: Generator) -> Wave:
    length = int(seconds * SAMPLE_RATE)
    partials = (np.sin(2 * np.pi * n * hertz * times(length)) * rng.random() / n for n in range(1, 7))
    return fading(np.sum(list(partials), axis=0), seconds / 2)


def melody(length: int, rng: Generator) -> Wave:
    steps = rng.choice((0, 2, 4, 5, 7, 9, 11, 12), 400)
    base, beat = rng.uniform(110, 520), rng.uniform(0.15, 0.6)
    return np.concatenate([note(beat, base * 2 ** (step / 12), rng) for step in steps])[:length]


def drums(length: int, rng: Generator) -> Wave:
    tenth = SAMPLE_RATE // 10
    deep = fading(np.sin(2 * np.pi * rng.uniform(45, 80) * times(3 * tenth)), 0.08)
    snare = fading(filtered_noise(2 * tenth, rng, 0.2), 0.05)
    beat = rng.uniform(0.35, 0.6)
    return repeated(length, rng, beat, deep) + repeated(length, rng, 2 * beat, 8 * snare)


def band(length: int, rng: Generator) -> Wave:
    """Return drums, bass, chords and a tune."""
    tune, chord, bass = (melody(length, rng) for _ in range(3))
    return drums(length, rng) + 0.5 * tune + 0.4 * (chord + np.roll(chord, 4000)) + bass


def breath(length: int, rng: Generator) -> Wave:
    """Return breathing close to the microphone."""
    cycle = np.abs(np.sin(np.pi * times(length) / rng.uniform(1.2, 2.5))) ** 3
    return filtered_noise(length, rng, 0.5, 200, 6000) * cycle


def hum(length: int, rng: Generator, mains: float) -> Wave:
    overtones = (rng.random() / n * np.sin(2 * np.pi * mains * n * times(length)) for n in range(1, 15))
    return np.sum(list(overtones), axis=0) + 0.01 * rng.normal(size=length)


def sweep(length: int, rng: Generator) -> Wave:
    """Return a siren."""
    hertz = rng.uniform(500, 900) + 300 * np.sin(2 * np.pi * times(length) / rng.uniform(0.5, 4))
    return np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE)


def dialled(length: int, rng: Generator) -> Wave:
    """Return the tones of a telephone key."""
    pair = rng.choice((697, 770, 852, 941)), rng.choice((1209, 1336, 1477))
    tone = np.sum([np.sin(2 * np.pi * hertz * times(SAMPLE_RATE // 6)) for hertz in pair], axis=0)
    return repeated(length, rng, 0.4, tone)


def birds(length: int, rng: Generator) -> Wave:
    hertz = np.linspace(rng.uniform(2500, 4000), rng.uniform(4000, 6500), SAMPLE_RATE // 12)
    return repeated(length, rng, 0.3, np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE) * np.hanning(len(hertz)))


def engine(length: int, rng: Generator) -> Wave:
    pulses = fading(filtered_noise(SAMPLE_RATE // 30, rng, 0.5), 0.01)
    return np.resize(pulses, length) + 0.3 * filtered_noise(length, rng, 1.0)


@cache
def voices() -> tuple[Wave, ...]:
    """Return several sentences in each of 60 voices."""
    return tuple(_spoken(number) for number in range(SPEAKERS))


def _spoken(number: int) -> Wave:
    voice, pitch, speed = VARIANTS[number % len(VARIANTS)], 20 + 7 * (number % 10), 130 + 5 * (number % 13)
    text = ", ".join(SENTENCES[(number + turn) % len(SENTENCES)] for turn in range(4))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        speak = ["espeak-ng", "-v", f"en+{voice}", "-p", str(pitch), "-s", str(speed), "-w", str(path), text]
        subprocess.run(speak, check=True, capture_output=True)
        said = np.concatenate(list(read(path))).astype(np.float64)
    return said / np.sqrt(np.mean(said**2))


def babble(length: int, rng: Generator, speakers: int) -> Wave:
    """Mix `speakers` voices that all say something else."""
    crowd = np.zeros(length)
    for number in rng.integers(0, SPEAKERS, speakers) if speakers > SPEAKERS else rng.permutation(SPEAKERS)[:speakers]:
        crowd += np.resize(np.roll(voices()[number], rng.integers(0, 200_000)), length) * rng.uniform(0.7, 1.0)
    return crowd


Kind = Callable[[int, Generator], Wave]
KINDS: dict[str, Kind] = {
    "digital silence": lambda length, _: np.zeros(length),
    "a silent room": lambda length, rng: rng.normal(size=length),
    "white noise": lambda length, rng: filtered_noise(length, rng, 0.0),
    "pink noise": lambda length, rng: filtered_noise(length, rng, 0.5),
    "brown noise": lambda length, rng: filtered_noise(length, rng, 1.0),
    "noise in the band of speech": lambda length, rng: filtered_noise(length, rng, 0.3, 300, 3400),
    "noise that swells": lambda length, rng: filtered_noise(length, rng, 0.4) * curve(length, rng, 0.8) ** 2,
    "noise at the pace of syllables": lambda length, rng: filtered_noise(length, rng, 0.5) * curve(length, rng, 0.12),
    "hum of 50 Hz": lambda length, rng: hum(length, rng, 50.0),
    "hum of 60 Hz": lambda length, rng: hum(length, rng, 60.0),
    "a tone": lambda length, rng: np.sin(2 * np.pi * rng.uniform(90, 4000) * times(length)),
    "a siren": sweep,
    "telephone keys": dialled,
    "birds": birds,
    "an engine": engine,
    "a melody": melody,
    "drums": drums,
    "a band": band,
    "clicks": lambda length, rng: repeated(length, rng, 0.5, fading(filtered_noise(800, rng, 0.0), 0.003)),
    "typing": lambda length, rng: repeated(length, rng, 0.14, fading(filtered_noise(900, rng, 0.2), 0.008)),
    "knocks": lambda length, rng: repeated(length, rng, 0.6, fading(filtered_noise(4000, rng, 0.8), 0.03)),
    "applause": lambda length, rng: repeated(length, rng, 0.006, fading(filtered_noise(1200, rng, 0.1), 0.01)),
    "breath": breath,
    "babble of 40": lambda length, rng: babble(length, rng, 40),
    "babble of 60": lambda length, rng: babble(length, rng, 60),
}


def sound(kind: str, number: int, make: Kind | None = None) -> Samples:
    """Make a recording of a kind: 1 to 14 seconds, at a random level up to full scale."""
    rng = np.random.default_rng((crc32(kind.encode()), number))
    wave = (make or KINDS[kind])(int(rng.uniform(1.0, 14.0) * SAMPLE_RATE), rng)
    level = -66.0 if kind == "a silent room" else rng.uniform(-50.0, -1.0)  # decibels, of the peak
    peak = float(np.abs(wave).max()) or 1.0
    return (wave / peak * 10 ** (level / 20) * 32767).astype(np.int16)
