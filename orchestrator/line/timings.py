"""How long each stage took."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from pathlib import Path

from orchestrator import events
from orchestrator.events import Event

STAGES: dict[type[Event], str] = {  # the event that ends each stage
    events.Opened: "microphone",
    events.Recorded: "recording",
    events.Heard: "hearing",
    events.Painted: "first step",
    events.Kept: "painting",
}


def with_timings(stream: Iterator[Event]) -> Generator[Event]:
    """Pass events on, and add the timings of its stages after each picture, or at the end if there is none."""
    stages = {"start": _age()}
    last = time.perf_counter()
    for event in stream:
        if isinstance(event, events.Ready):  # the time a person takes does not count
            stages, last = {}, time.perf_counter()
        name = STAGES.get(type(event))
        if name and name not in stages:
            now = time.perf_counter()
            stages[name], last = now - last, now
        yield event
        if isinstance(event, events.Kept):
            yield _timings(stages)
            stages = {}
    if len(stages) > 1:
        yield _timings(stages)


def _timings(stages: dict[str, float]) -> events.Timings:
    return events.Timings(seconds={name: round(seconds, 3) for name, seconds in stages.items()})


def _age() -> float:
    """Return how many seconds this process has run, or 0 without /proc."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return 0.0
