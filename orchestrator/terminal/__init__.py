"""Show a stream of events on stderr and print results on stdout, or print everything as JSON."""

from __future__ import annotations

import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TextIO
from unicodedata import combining, east_asian_width

from orchestrator import events
from orchestrator.events import Event
from orchestrator.line.timings import with_timings
from orchestrator.picture import to_png
from orchestrator.terminal.preview import Screen, protocol

CLEAR_LINE = "\r\x1b[K"
QUIETEST = -60.0  # dB: the left end of the level meter
BAR = 20  # characters
READY = "space or Enter: talk; q: leave"


class Face:
    """A way to show events."""

    def __enter__(self) -> Face:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def draw(self, event: Event) -> None:
        raise NotImplementedError


class Json(Face):
    """Print one JSON object per line on stdout."""

    def draw(self, event: Event) -> None:
        _print(event.to_json(), sys.stdout)


class Plain(Face):
    """Print one line per notable event, for pipes and dumb terminals."""

    def draw(self, event: Event) -> None:
        line = event_line(event)
        if line:
            _print("\n".join(printable(each) for each in line.splitlines()), sys.stderr)


class Live(Plain):
    """Print the same lines, above a live line (level meter, words so far, steps) and a preview of the picture."""

    def __init__(self, screen: Screen | None = None) -> None:
        self._screen = screen
        self._words = ""

    def draw(self, event: Event) -> None:
        match event:
            case events.Opened():
                self._words = ""
            case events.Words():
                self._words = event.text
        live = live_line(event)
        if live:
            live = f"{live}  {self._words}" if isinstance(event, events.Level) else live
            _print(CLEAR_LINE + fit(live, terminal_size().columns - 1), sys.stderr, end="")
            if isinstance(event, events.Painted):
                self._show(to_png(event.preview(), None))
        elif isinstance(event, events.Drafted):
            self._show(to_png(event.preview(), None))
        elif isinstance(event, events.Kept):
            self._show_kept(event)
        elif event_line(event):
            self._clear()
            super().draw(event)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._clear()

    def _show(self, png: bytes) -> None:
        if self._screen:
            _print(self._screen.show(png, terminal_size().lines), sys.stderr, end="")

    def _show_kept(self, event: events.Kept) -> None:
        """Show the final picture and leave it on the screen."""
        self._clear()
        if self._screen:
            self._show(event.path.read_bytes())
            _print(self._screen.leave(), sys.stderr, end="")

    def _clear(self) -> None:
        _print(CLEAR_LINE + (self._screen.erase() if self._screen else ""), sys.stderr, end="")


def face(*, as_json: bool) -> Face:
    """Return the way to show events that suits stderr."""
    if as_json:
        return Json()
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return Plain()
    graphics = protocol(os.environ)
    return Live(Screen(graphics) if graphics else None)


def show(
    stream: Iterator[Event], result: Callable[[Event], str | None], *, as_json: bool = False, timings: bool = False
) -> int:
    """Show every event, print each result, and return the exit code: that of the first failure, or 0."""
    code = 0
    with face(as_json=as_json) as shown:
        for event in with_timings(stream) if timings else stream:
            shown.draw(event)
            if isinstance(event, events.Failed):
                code = code or event.code
            text = None if as_json else result(event)
            if text is not None:
                _print(text, sys.stdout)
    return code


def event_line(event: Event) -> str:
    """Return the line that describes an event, or '' if it has none."""
    match event:
        case events.Note():
            return event.text + (f" ({event.hint})" if event.hint else "")
        case events.Ready():
            return READY
        case events.Opened():
            return "listening: speak now (Enter stops)"
        case events.Painted(picture=0, index=1):
            return f"painting in {event.steps} steps"
        case events.Recorded(why="lost"):
            return f"the microphone was lost; the first {event.seconds:.1f} s are kept"
        case events.Heard():
            return f"heard:  {event.transcript}"
        case events.Cleaned():
            return f"prompt: {event.prompt}"
        case events.Timings():
            stages = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in event.seconds.items())
            return f"time: {stages}; {sum(event.seconds.values()):.2f} s in total"
        case events.Failed():
            source = f"{event.source}: " if event.source else ""
            return f"error: {source}{event.message}" + (f"\n  try: {event.hint}" if event.hint else "")
    return ""


def live_line(event: Event) -> str:
    """Return what the live line shows for an event, or '' if it does not change."""
    match event:
        case events.Ready():
            return READY
        case events.Working():
            return progress_line(event)
        case events.Level():
            return f"{bar(1 - event.level / QUIETEST)} {event.seconds:4.1f} s"
        case events.Words():
            return f"hearing {event.text}"
        case events.Painted():
            which = f" of picture {event.picture + 1}/{event.count}" if event.count > 1 else ""
            return f"painting {bar(event.index / event.steps)} step {event.index}/{event.steps}{which}"
    return ""


def progress_line(event: events.Working) -> str:
    """Return a progress bar, with the rate and the time left if they are known."""
    progress = f"{bar(event.done / event.total)} " if event.total else ""
    rate = f", {event.rate / 1e6:.1f} MB/s" if event.rate else ""
    left = f", {event.seconds_left:.0f} s left" if event.seconds_left is not None else ""
    return f"{progress}{event.what}{rate}{left}"


def printable(text: str) -> str:
    """Replace control characters by spaces: text may come from untrusted recordings and pictures."""
    return "".join(character if character.isprintable() else " " for character in text)


def fit(text: str, columns: int) -> str:
    """Shorten a line to a terminal's width, keeping its newest words at the end and, if there is room, its start."""
    text = printable(text)
    if width(text) <= columns:
        return text
    head = text[: BAR + 8]
    if columns < width(head) + 1 + BAR:
        head = ""
    room, begin = columns - width(head) - 1, len(text)
    while begin and width(text[begin - 1]) <= room:
        begin -= 1
        room -= width(text[begin])
    return f"{head}…{text[begin:]}"


def width(text: str) -> int:
    """Return how many columns a text takes."""
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def bar(share: float) -> str:
    """Return a bar that is filled by a share from 0 to 1."""
    full = round(BAR * min(max(share, 0.0), 1.0))
    return "█" * full + "░" * (BAR - full)


def enter_pressed() -> bool:
    """Return whether a line was typed since the last call, without waiting."""
    if not sys.stdin.isatty() or not select.select([sys.stdin], [], [], 0)[0]:
        return False
    sys.stdin.readline()
    return True


def terminal_size() -> os.terminal_size:
    """Return the size of the terminal on stderr; stdout may be a pipe."""
    try:
        return os.get_terminal_size(sys.stderr.fileno())
    except OSError:
        return shutil.get_terminal_size()


def _print(text: str, stream: TextIO, end: str = "\n") -> None:
    stream.write(text + end)
    stream.flush()
