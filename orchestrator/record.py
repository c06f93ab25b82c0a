"""Microphone to recording: a device and a length come in; sound goes to disk as it comes, and small values tell of it.

    for event in record(new_path(folder), seconds=10.0, stop=stop):
        ...  # Opened, then many Level, then Recorded

A recording in progress is `NAME.part.wav`; whatever is killed, it opens and holds all but the last half second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from orchestrator.sound import Samples

Why: TypeAlias = Literal["window", "key", "silence", "lost"]


@dataclass(frozen=True, kw_only=True)
class Device:
    """A microphone; `id` is what `--device` takes."""

    id: str
    name: str
    default: bool = False


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The first sound arrived."""

    path: Path  # of the recording in progress
    device: str


@dataclass(frozen=True, kw_only=True)
class Level:
    """A block of sound, already on disk."""

    samples: Samples = field(repr=False, compare=False)
    level: float  # decibels below full scale
    seconds_left: float


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The recording under its final name."""

    path: Path
    seconds: float
    why: Why  # the window was full, a person or a silence stopped it, or the device was lost


Event: TypeAlias = Opened | Level | Recorded


class Stop:
    """Ends a recording from anywhere, a signal handler included: `stop("key")`, `stop("silence")`."""

    def __init__(self) -> None:
        self.why: Why | None = None

    def __call__(self, why: Why) -> None:
        self.why = self.why or why


def devices() -> tuple[Device, ...]:
    """List the microphones."""
    raise NotImplementedError


def new_path(folder: Path) -> Path:
    """Name a new recording after the time; names sort by it."""
    raise NotImplementedError


def record(path: Path, *, seconds: float = 10.0, device: str = "", stop: Stop | None = None) -> Iterator[Event]:
    """Record to a WAV file until the window is full or something stops it; closing the generator keeps it too."""
    raise NotImplementedError


def recover(folder: Path) -> tuple[Path, ...]:
    """Finish the recordings that a killed program left; those that a live one holds are let be."""
    raise NotImplementedError
