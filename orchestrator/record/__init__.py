"""Microphone to recording: a device and a length come in; sound goes to disk as it comes, and small values tell of it.

    for event in record(new_path(folder), seconds=10.0, stop=stop):
        ...  # Opened, then many Level, then Recorded

A recording in progress is `NAME.part.wav`; whatever is killed, it opens and holds all but the last half second.
"""

from __future__ import annotations

import math
import secrets
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Literal, TypeAlias

from orchestrator import shell
from orchestrator.errors import AudioToImageError, Cancelled, Misuse
from orchestrator.record import microphone
from orchestrator.record.microphone import Device, devices
from orchestrator.record.partial import Partial, recover
from orchestrator.sound import SAMPLE_RATE, Samples, level, whole_samples

__all__ = [
    "Device", "Event", "Level", "Opened", "Recorded", "Stop", "Why", "devices", "new_path", "record", "recover",
]  # fmt: skip

TICK = 0.1  # seconds between two looks at whether to stop, while no sound comes
PATIENCE = 8.0  # seconds: macOS never answers when the microphone is refused; slow devices take three
LONGEST_SECONDS = 24 * 3600.0

Why: TypeAlias = Literal["window", "key", "silence", "lost"]


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


def new_path(folder: Path) -> Path:
    """Name a new recording after the time; names sort by it and never collide."""
    now = datetime.now()
    return folder / f"{now:%Y-%m-%d-%H%M%S}-{now.microsecond // 1000:03}-{secrets.token_hex(4)}.wav"


def record(
    path: Path,
    *,
    seconds: float = 10.0,
    device: str = "",
    stop: Stop | None = None,
    sound: Generator[Samples] | None = None,
) -> Generator[Event]:
    """Record to a WAV file until the window is full or something stops it; closing the generator keeps it too.

    `sound` that comes from elsewhere, as from a page, takes the place of the microphone.
    """
    if not (math.isfinite(seconds) and 0 < seconds <= LONGEST_SECONDS):
        raise Misuse(f"cannot record for {seconds:g} seconds", "audio-to-image record --seconds 10")
    stop = stop or Stop()
    return _record(path, seconds, sound or _sound(microphone.system(), device, stop), device, stop)


def _record(path: Path, seconds: float, sound: Generator[Samples], device: str, stop: Stop) -> Generator[Event]:
    most = round(seconds * SAMPLE_RATE)
    partial = Partial(path)
    why: Why = "lost"
    try:
        with closing(sound):
            for each in sound:
                if not partial.samples:
                    yield Opened(path=partial.path, device=device or "default")
                block = each[: most - partial.samples]
                partial.write(block)
                yield Level(samples=block, level=level(block), seconds_left=(most - partial.samples) / SAMPLE_RATE)
                if partial.samples >= most:
                    why = "window"
                    break
        why = stop.why or why
    finally:
        partial.finish()
    if not partial.samples:
        raise Cancelled("stopped before the first sound came")
    yield Recorded(path=path, seconds=partial.seconds, why=why)
    if why == "lost":
        kept = f"the microphone was lost after {partial.seconds:.1f} s; what was said until then is in {path}"
        raise AudioToImageError(kept, f"audio-to-image picture {quote(str(path))}")


def _sound(system: str, device: str, stop: Stop) -> Generator[Samples]:
    """Yield blocks from the microphone until it is lost or we are to stop; raise if none ever comes."""
    process = shell.start(microphone.arguments(system, device))
    try:
        yield from _watched(process, system, device, stop)
    finally:
        shell.stop(process)


def _watched(process: subprocess.Popen[bytes], system: str, device: str, stop: Stop) -> Iterator[Samples]:
    output = shell.Output(process, tick=TICK)
    begun, last = False, time.monotonic()
    for block in whole_samples(output):
        if stop.why:
            return
        # Where permission is missing, macOS delivers zeros; a microphone never does.
        if block.any() or (len(block) and (begun or system != "avfoundation")):
            begun, last = True, time.monotonic()
            yield block
        elif time.monotonic() - last > PATIENCE:
            break
    else:
        if not begun:
            raise microphone.unopened(system, device, process.wait(), output.complaints)
    if not begun:
        raise microphone.silent(system)
