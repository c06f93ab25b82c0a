"""Sounds in which nobody says anything that could be understood, made anew here: none of them was trained on.

Comes in: a kind, a number that decides everything else. Goes out: 16-bit samples as a microphone would give them.
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


def shaped(length: int, chance: Generator, slope: float, low: float = 20.0, high: float = 8000.0) -> Wave:
    """Noise between two frequencies whose amplitude falls with frequency to the power of `slope`."""
    hertz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(chance.normal(size=length)) / np.maximum(hertz, 20.0) ** slope
    return np.fft.irfft(spectrum * ((hertz >= low) & (hertz <= high)), length)


def swell(length: int, chance: Generator, seconds: float) -> Wave:
    """A curve between 0 and 1 that turns every so many seconds."""
    turns = chance.random(int(length / SAMPLE_RATE / seconds) + 3)
    return np.interp(np.linspace(0, len(turns) - 1, length), np.arange(len(turns)), turns)


def times(length: int) -> Wave:
    return np.arange(length) / SAMPLE_RATE


def struck(length: int, chance: Generator, every: float, burst: Wave) -> Wave:
    """One sound again and again, about every so many seconds, never twice as loud."""
    sound = 1e-4 * chance.normal(size=length)
    at = 0.0
    while (start := int(at * SAMPLE_RATE)) < length:
        part = burst[: length - start]
        sound[start : start + len(part)] += part * chance.uniform(0.4, 1.0)
        at += every * chance.uniform(0.6, 1.5)
    return sound


def fading(wave: Wave, seconds: float) -> Wave:
    return wave * np.exp(-times(len(wave)) / seconds)


def note(seconds: float, hertz: float, chance: Generator) -> Wave:
    length = int(seconds * SAMPLE_RATE)
    partials = (np.sin(2 * np.pi * n * hertz * times(length)) * chance.random() / n for n in range(1, 7))
    return fading(np.sum(list(partials), axis=0), seconds / 2)


def melody(length: int, chance: Generator) -> Wave:
    steps = chance.choice((0, 2, 4, 5, 7, 9, 11, 12), 400)
    base, beat = chance.uniform(110, 520), chance.uniform(0.15, 0.6)
    return np.concatenate([note(beat, base * 2 ** (step / 12), chance) for step in steps])[:length]


def drums(length: int, chance: Generator) -> Wave:
    tenth = SAMPLE_RATE // 10
    deep = fading(np.sin(2 * np.pi * chance.uniform(45, 80) * times(3 * tenth)), 0.08)
    snare = fading(shaped(2 * tenth, chance, 0.2), 0.05)
    beat = chance.uniform(0.35, 0.6)
    return struck(length, chance, beat, deep) + struck(length, chance, 2 * beat, 8 * snare)


def band(length: int, chance: Generator) -> Wave:
    """Drums, bass, chords and a tune."""
    tune, chord, bass = (melody(length, chance) for _ in range(3))
    return drums(length, chance) + 0.5 * tune + 0.4 * (chord + np.roll(chord, 4000)) + bass


def breath(length: int, chance: Generator) -> Wave:
    """In and out, close to the microphone."""
    cycle = np.abs(np.sin(np.pi * times(length) / chance.uniform(1.2, 2.5))) ** 3
    return shaped(length, chance, 0.5, 200, 6000) * cycle


def hum(length: int, chance: Generator, mains: float) -> Wave:
    overtones = (chance.random() / n * np.sin(2 * np.pi * mains * n * times(length)) for n in range(1, 15))
    return np.sum(list(overtones), axis=0) + 0.01 * chance.normal(size=length)


def sweep(length: int, chance: Generator) -> Wave:
    """A siren."""
    hertz = chance.uniform(500, 900) + 300 * np.sin(2 * np.pi * times(length) / chance.uniform(0.5, 4))
    return np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE)


def dialled(length: int, chance: Generator) -> Wave:
    """The keys of a telephone."""
    pair = chance.choice((697, 770, 852, 941)), chance.choice((1209, 1336, 1477))
    tone = np.sum([np.sin(2 * np.pi * hertz * times(SAMPLE_RATE // 6)) for hertz in pair], axis=0)
    return struck(length, chance, 0.4, tone)


def birds(length: int, chance: Generator) -> Wave:
    hertz = np.linspace(chance.uniform(2500, 4000), chance.uniform(4000, 6500), SAMPLE_RATE // 12)
    return struck(length, chance, 0.3, np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE) * np.hanning(len(hertz)))


def engine(length: int, chance: Generator) -> Wave:
    pulses = fading(shaped(SAMPLE_RATE // 30, chance, 0.5), 0.01)
    return np.resize(pulses, length) + 0.3 * shaped(length, chance, 1.0)


@cache
def voices() -> tuple[Wave, ...]:
    """Speak with every voice of a crowd."""
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


def babble(length: int, chance: Generator, speakers: int) -> Wave:
    """So many people at once, each in their own place of their own words."""
    crowd = np.zeros(length)
    for number in (
        chance.integers(0, SPEAKERS, speakers) if speakers > SPEAKERS else chance.permutation(SPEAKERS)[:speakers]
    ):
        crowd += np.resize(np.roll(voices()[number], chance.integers(0, 200_000)), length) * chance.uniform(0.7, 1.0)
    return crowd


Kind = Callable[[int, Generator], Wave]
KINDS: dict[str, Kind] = {
    "digital silence": lambda length, _: np.zeros(length),
    "a silent room": lambda length, chance: chance.normal(size=length),
    "white noise": lambda length, chance: shaped(length, chance, 0.0),
    "pink noise": lambda length, chance: shaped(length, chance, 0.5),
    "brown noise": lambda length, chance: shaped(length, chance, 1.0),
    "noise in the band of speech": lambda length, chance: shaped(length, chance, 0.3, 300, 3400),
    "noise that swells": lambda length, chance: shaped(length, chance, 0.4) * swell(length, chance, 0.8) ** 2,
    "noise at the pace of syllables": lambda length, chance: shaped(length, chance, 0.5) * swell(length, chance, 0.12),
    "hum of 50 Hz": lambda length, chance: hum(length, chance, 50.0),
    "hum of 60 Hz": lambda length, chance: hum(length, chance, 60.0),
    "a tone": lambda length, chance: np.sin(2 * np.pi * chance.uniform(90, 4000) * times(length)),
    "a siren": sweep,
    "telephone keys": dialled,
    "birds": birds,
    "an engine": engine,
    "a melody": melody,
    "drums": drums,
    "a band": band,
    "clicks": lambda length, chance: struck(length, chance, 0.5, fading(shaped(800, chance, 0.0), 0.003)),
    "typing": lambda length, chance: struck(length, chance, 0.14, fading(shaped(900, chance, 0.2), 0.008)),
    "knocks": lambda length, chance: struck(length, chance, 0.6, fading(shaped(4000, chance, 0.8), 0.03)),
    "applause": lambda length, chance: struck(length, chance, 0.006, fading(shaped(1200, chance, 0.1), 0.01)),
    "breath": breath,
    "babble of 40": lambda length, chance: babble(length, chance, 40),
    "babble of 60": lambda length, chance: babble(length, chance, 60),
}


def sound(kind: str, number: int, make: Kind | None = None) -> Samples:
    """Make the recording of a kind with this number: 1 to 14 seconds, from a whisper to full scale."""
    chance = np.random.default_rng((crc32(kind.encode()), number))
    wave = (make or KINDS[kind])(int(chance.uniform(1.0, 14.0) * SAMPLE_RATE), chance)
    level = -66.0 if kind == "a silent room" else chance.uniform(-50.0, -1.0)  # decibels, of the peak
    peak = float(np.abs(wave).max()) or 1.0
    return (wave / peak * 10 ** (level / 20) * 32767).astype(np.int16)
