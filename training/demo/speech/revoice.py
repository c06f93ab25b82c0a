"""Turn a recorded voice into another speaker's with the WORLD vocoder: pitch, vocal tract, breath and pace.

The free voices that were made from recordings are four men's; the speakers made from them range from a deep man's voice
to a child's.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
from dataclasses import dataclass
from math import log2
from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np

from training.demo.speech.mel import SAMPLE_RATE, Array

FRAME_MILLISECONDS = 8.0
DEEPEST, HIGHEST = 85.0, 280.0  # hertz
MALE_PITCH = 115.0


def load_vocoder() -> ModuleType:
    """Return pyworld's compiled module: its package imports pkg_resources, which setuptools no longer has."""
    package = importlib.util.find_spec("pyworld")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("pyworld is missing: .venv/bin/pip install pyworld")
    binary = next(Path(package.origin).parent.glob("pyworld*.so"))
    loader = importlib.machinery.ExtensionFileLoader("pyworld.pyworld", str(binary))
    spec = importlib.machinery.ModuleSpec("pyworld.pyworld", loader, origin=str(binary))
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@dataclass(frozen=True, kw_only=True)
class Person:
    """A speaker, as changes to a recorded voice."""

    pitch: float  # mean, in hertz
    liveliness: float  # exponent of the pitch's deviation from its mean
    tract: float  # factor of the formants: about 1.17 from a man's to a woman's vocal tract
    breath: float  # exponent of the aperiodicity: below 1 is breathier
    pace: float
    colour: tuple[float, ...]  # decibels at points spread evenly over the spectrum


def random_person(random: Random) -> Person:
    """Return a random speaker; higher voices tend to have a shorter vocal tract."""
    pitch = DEEPEST * (HIGHEST / DEEPEST) ** random.random()
    tract = 1 + 0.17 * log2(pitch / MALE_PITCH) + random.gauss(0, 0.05)
    return Person(
        pitch=pitch,
        liveliness=random.uniform(0.6, 1.7),
        tract=min(1.32, max(0.86, tract)),
        breath=random.uniform(0.45, 1.3),
        pace=random.uniform(0.85, 1.2),
        colour=tuple(random.gauss(0, 3) for _ in range(9)),
    )


def reshape_spectrum(envelope: Array, person: Person) -> Array:
    """Stretch each spectrum along frequency for the vocal tract, and equalise it."""
    bins = np.arange(envelope.shape[1])
    source = np.minimum(bins / person.tract, bins[-1])
    left = np.minimum(source.astype(int), bins[-1] - 1)
    part = source - left
    logs = np.log(envelope + 1e-12)
    stretched = logs[:, left] * (1 - part) + logs[:, left + 1] * part
    decibels = np.interp(bins, np.linspace(0, bins[-1], len(person.colour)), person.colour)
    return np.ascontiguousarray(np.exp(stretched + decibels * np.log(10) / 10))


def revoice(samples: Array, person: Person, vocoder: ModuleType) -> Array:
    """Return the same words in another person's voice."""
    sound = samples.astype(np.float64)
    pitch, times = vocoder.dio(sound, SAMPLE_RATE, frame_period=FRAME_MILLISECONDS)
    pitch = vocoder.stonemask(sound, pitch, times, SAMPLE_RATE)
    envelope = vocoder.cheaptrick(sound, pitch, times, SAMPLE_RATE)
    breath = vocoder.d4c(sound, pitch, times, SAMPLE_RATE) ** person.breath
    voiced = pitch > 0
    if not voiced.any():
        return samples
    mean = np.exp(np.log(pitch[voiced]).mean())
    pitch[voiced] = person.pitch * (pitch[voiced] / mean) ** person.liveliness
    speech = vocoder.synthesize(
        pitch, reshape_spectrum(envelope, person), breath, SAMPLE_RATE, FRAME_MILLISECONDS / person.pace
    )
    return speech.astype(np.float32)
