"""Make other people of a recorded voice, with the WORLD vocoder: its pitch, its vocal tract, its breath, its pace.

Comes in: speech at 16 kHz and a `Random`. Goes out: the same words from somebody else. The free voices that were made
from recordings are four men; of these come speakers between a deep man's and a child's voice.
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
MAN = 115.0


def load_world() -> ModuleType:
    """Load pyworld's compiled module alone: its package asks for pkg_resources, which setuptools no longer has."""
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
    """What changes from one speaker to the next."""

    pitch: float  # hertz, the mean
    liveliness: float  # how far the pitch moves, as a power of the original's movement
    tract: float  # formants are multiplied by it: about 1.17 from a man's to a woman's vocal tract
    breath: float  # power of the aperiodicity: below 1 breathier
    pace: float
    colour: tuple[float, ...]  # decibels at points spread evenly over the spectrum


def draw_person(random: Random) -> Person:
    """Draw a speaker; a higher voice comes, on the whole, from a shorter vocal tract."""
    pitch = DEEPEST * (HIGHEST / DEEPEST) ** random.random()
    tract = 1 + 0.17 * log2(pitch / MAN) + random.gauss(0, 0.05)
    return Person(
        pitch=pitch,
        liveliness=random.uniform(0.6, 1.7),
        tract=min(1.32, max(0.86, tract)),
        breath=random.uniform(0.45, 1.3),
        pace=random.uniform(0.85, 1.2),
        colour=tuple(random.gauss(0, 3) for _ in range(9)),
    )


def reshape(envelope: Array, person: Person) -> Array:
    """Stretch each spectrum along frequency by the length of the vocal tract, and colour it."""
    bins = np.arange(envelope.shape[1])
    source = np.minimum(bins / person.tract, bins[-1])
    left = np.minimum(source.astype(int), bins[-1] - 1)
    part = source - left
    logs = np.log(envelope + 1e-12)
    stretched = logs[:, left] * (1 - part) + logs[:, left + 1] * part
    decibels = np.interp(bins, np.linspace(0, bins[-1], len(person.colour)), person.colour)
    return np.ascontiguousarray(np.exp(stretched + decibels * np.log(10) / 10))


def revoice(samples: Array, person: Person, world: ModuleType) -> Array:
    """Say the same with another person's voice."""
    sound = samples.astype(np.float64)
    pitch, times = world.dio(sound, SAMPLE_RATE, frame_period=FRAME_MILLISECONDS)
    pitch = world.stonemask(sound, pitch, times, SAMPLE_RATE)
    envelope = world.cheaptrick(sound, pitch, times, SAMPLE_RATE)
    breath = world.d4c(sound, pitch, times, SAMPLE_RATE) ** person.breath
    voiced = pitch > 0
    if not voiced.any():
        return samples
    mean = np.exp(np.log(pitch[voiced]).mean())
    pitch[voiced] = person.pitch * (pitch[voiced] / mean) ** person.liveliness
    spoken = world.synthesize(pitch, reshape(envelope, person), breath, SAMPLE_RATE, FRAME_MILLISECONDS / person.pace)
    return spoken.astype(np.float32)
