"""Draws events for a person on stderr, or prints them as JSON; the result alone goes to stdout.

Comes in: a stream of events. Goes out: an exit code, that of the first thing that failed.
"""

from __future__ import annotations

import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TextIO

from orchestrator import events
from orchestrator.events import Event

CLEAR_LINE = "\r\x1b[K"
QUIETEST = -60.0  # decibels: the meter's left end
BAR = 20  # characters


class Face:
    """Draws nothing; a parent for those that do."""

    def __enter__(self) -> Face:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def draw(self, event: Event) -> None:
        raise NotImplementedError


class Json(Face):
    """One JSON object a line, on stdout."""

    def draw(self, event: Event) -> None:
        _print(event.to_json(), sys.stdout)


class Plain(Face):
    """What is worth a line, for pipes and dumb terminals."""

    def draw(self, event: Event) -> None:
        line = sentence(event)
        if line:
            _print(line, sys.stderr)


class Live(Plain):
    """The same lines, and below them one that moves: the meter, the words so far, the steps."""

    def draw(self, event: Event) -> None:
        moving = motion(event)
        if moving:
            columns = shutil.get_terminal_size().columns
            _print(CLEAR_LINE + moving[: columns - 1], sys.stderr, end="")
        elif sentence(event):
            _print(CLEAR_LINE, sys.stderr, end="")
            super().draw(event)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _print(CLEAR_LINE, sys.stderr, end="")


def face(*, as_json: bool) -> Face:
    """Choose how events are told."""
    if as_json:
        return Json()
    return Live() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else Plain()


def show(stream: Iterator[Event], result: Callable[[Event], str | None], *, as_json: bool = False) -> int:
    """Draw every event, print each result, and tell the exit code."""
    code = 0
    with face(as_json=as_json) as drawn:
        for event in stream:
            drawn.draw(event)
            if isinstance(event, events.Failed):
                code = code or event.code
            text = None if as_json else result(event)
            if text is not None:
                if isinstance(drawn, Live):
                    _print(CLEAR_LINE, sys.stderr, end="")
                _print(text, sys.stdout)
    return code


def sentence(event: Event) -> str:
    """Say an event in a line of its own; nothing where it is not worth one."""
    match event:
        case events.Note():
            return event.text + (f" ({event.hint})" if event.hint else "")
        case events.Opened():
            return "listening: speak now (Enter stops)"
        case events.Recorded(why="lost"):
            return f"the microphone was lost; {event.seconds:.1f} s are kept"
        case events.Heard():
            return f"heard:  {event.transcript}"
        case events.Cleaned():
            return f"prompt: {event.prompt}"
        case events.Failed():
            source = f"{event.source}: " if event.source else ""
            return f"error: {source}{event.message}" + (f"\n  try: {event.hint}" if event.hint else "")
    return ""


def motion(event: Event) -> str:
    """Draw an event in the line that moves."""
    match event:
        case events.Working():
            return f"{bar(event.index / event.count)} {event.what}"
        case events.Level():
            return f"{bar(1 - event.level / QUIETEST)} {event.seconds_left:4.1f} s left"
        case events.Words():
            return f"hearing {event.text[-60:]}"
        case events.Painted():
            which = f" of picture {event.picture + 1}/{event.count}" if event.count > 1 else ""
            return f"painting {bar(event.index / event.steps)} step {event.index}/{event.steps}{which}"
    return ""


def bar(share: float) -> str:
    """Draw a share of one as a bar."""
    full = round(BAR * min(max(share, 0.0), 1.0))
    return "█" * full + "░" * (BAR - full)


def enter_pressed() -> bool:
    """Tell whether a line was typed since the last look; never waits."""
    if not sys.stdin.isatty() or not select.select([sys.stdin], [], [], 0)[0]:
        return False
    sys.stdin.readline()
    return True


def _print(text: str, stream: TextIO, end: str = "\n") -> None:
    stream.write(text + end)
    stream.flush()
