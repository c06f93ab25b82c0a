"""The events of a fetch."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

from orchestrator.catalogue import Model
from orchestrator.events import Event, Note, Working

TELL_SECONDS = 0.1  # between two events that count bytes


def with_rate(stream: Generator[Event]) -> Iterator[Event]:
    """Pass events on; thin out those that count bytes, and add their rate and the time left."""
    begun, first = time.monotonic(), 0
    last: float | None = None  # when progress was last yielded
    with closing(stream):
        for event in stream:
            if not isinstance(event, Working) or not event.total:
                yield event
                continue
            now = time.monotonic()
            if last is None:
                begun, first = now, event.done
            if last is None or now - last >= TELL_SECONDS or event.done == event.total:
                last = now
                rate = (event.done - first) / (now - begun) if event.done > first and now > begun else 0.0
                left = (event.total - event.done) / rate if rate else None
                yield replace(event, rate=rate, seconds_left=left)


def terms(model: Model) -> Iterator[Event]:
    """Yield what a model's licence restricts, for showing before the first byte."""
    if model.licence.restricts:
        text = f"{model.name} is licensed under {model.licence.name}, which restricts {model.licence.restricts}"
        yield Note(text=text, hint=model.licence.link)


def waiting(model: str, why: str) -> Event:
    """Make the event for a delay."""
    return Note(text=f"{model}: {why}")


def working(model: str, what: str) -> Event:
    """Make the event for the work in hand."""
    return Working(what=f"{model}: {what}")
