"""What is told while a model arrives: small frozen values, for any face to draw."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.catalogue import Licence

TELL_SECONDS = 0.1  # between two values of progress


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The licence, before the first byte."""

    model: str
    licence: Licence


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Another process is at this model, or the network is given a moment."""

    model: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Fetching:
    """How far along it is."""

    model: str
    file: str
    done: int  # bytes, of all its files
    total: int
    rate: float = 0.0  # bytes a second
    seconds_left: float | None = None


@dataclass(frozen=True, kw_only=True)
class Making:
    """Something is done with what arrived: checking, unpacking, converting."""

    model: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Here:
    """The model is here, whole."""

    model: str
    path: Path


Told = Terms | Waiting | Fetching | Making | Here


def timed(stream: Generator[Told]) -> Iterator[Told]:
    """Thin progress out to what an eye can follow, and add its rate and the time left."""
    begun, first = time.monotonic(), 0
    last: float | None = None  # when progress was last yielded
    with closing(stream):
        for told in stream:
            if not isinstance(told, Fetching):
                yield told
                continue
            now = time.monotonic()
            if last is None:
                begun, first = now, told.done
            if last is None or now - last >= TELL_SECONDS or told.done == told.total:
                last = now
                rate = (told.done - first) / (now - begun) if told.done > first and now > begun else 0.0
                left = (told.total - told.done) / rate if rate else None
                yield replace(told, rate=rate, seconds_left=left)
