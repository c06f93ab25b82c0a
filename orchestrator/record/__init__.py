"""Microphone to recording: sound is written to disk as it arrives, and events report it.

    for event in record(new_path(folder), seconds=10.0, stop=stop):
        ...  # events.Opened, then many events.Level, then events.Recorded

A recording in progress is `NAME.part.wav`; if the program is killed, it opens and holds all but the last half second.
"""

from __future__ import annotations

import math
import secrets
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from shlex import quote

from orchestrator import events, recordings, shell
from orchestrator.errors import AudioToImageError, Cancelled, Misuse
from orchestrator.record import microphone
from orchestrator.record.microphone import Device, devices
from orchestrator.record.partial import Partial, recover
from orchestrator.sound import SAMPLE_RATE, Samples, level, whole_samples

__all__ = ["Device", "Stop", "devices", "new_path", "record", "recover"]

TICK = 0.1  # seconds between two checks of whether to stop, while no sound arrives
PATIENCE = 8.0  # seconds: macOS never answers when the microphone is refused; slow devices take three
LONGEST_SECONDS = 24 * 3600.0


class Stop:
    """Ends a recording, also from another thread or a signal handler: `stop("key")`, `stop("silence")`."""

    def __init__(self) -> None:
        self.why: events.Why | None = None

    def __call__(self, why: events.Why) -> None:
        self.why = self.why or why


def new_path(folder: Path, *, wanted: bool = True) -> Path:
    """Return a new recording's path, named after the time; names sort by it and never collide.

    One that is not `wanted` for its own sake is deleted when it has become a picture.
    """
    now = datetime.now()
    path = folder / f"{now:%Y-%m-%d-%H%M%S}-{now.microsecond // 1000:03}-{secrets.token_hex(4)}.wav"
    return path if wanted else recordings.named(path, recordings.PENDING)


def record(
    path: Path,
    *,
    seconds: float = 10.0,
    device: str = "",
    stop: Stop | None = None,
    sound: Generator[Samples] | None = None,
) -> Generator[events.Event]:
    """Record to a WAV file until the window is full or something stops it; closing the generator keeps it too.

    `sound` replaces the microphone, for instance with a page's.
    """
    if not (math.isfinite(seconds) and 0 < seconds <= LONGEST_SECONDS):
        raise Misuse(f"cannot record for {seconds:g} seconds", "audio-to-image record --seconds 10")
    stop = stop or Stop()
    return _record(path, seconds, sound or _sound(microphone.system(), device, stop), device, stop)


def _record(path: Path, seconds: float, sound: Generator[Samples], device: str, stop: Stop) -> Generator[events.Event]:
    most = round(seconds * SAMPLE_RATE)
    partial = Partial(path)
    why: events.Why = "lost"
    try:
        with closing(sound):
            for each in sound:
                if not partial.samples:
                    yield events.Opened(path=partial.path, device=device or "default")
                block = each[: most - partial.samples]
                partial.write(block)
                left = (most - partial.samples) / SAMPLE_RATE
                yield events.Level(level=level(block), seconds=seconds - left, seconds_left=left, samples=block)
                if partial.samples >= most:
                    why = "window"
                    break
        why = stop.why or why
    finally:
        partial.finish()
    if not partial.samples:
        raise Cancelled("stopped before the first sound arrived")
    yield events.Recorded(path=path, seconds=partial.seconds, why=why)
    if why == "lost":
        kept = f"the microphone was lost after {partial.seconds:.1f} s; the sound until then is in {path}"
        raise AudioToImageError(kept, f"audio-to-image picture {quote(str(path))}")


def _sound(system: str, device: str, stop: Stop) -> Generator[Samples]:
    """Yield blocks from the microphone until it is lost or `stop` was called; raise if none ever arrives."""
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
