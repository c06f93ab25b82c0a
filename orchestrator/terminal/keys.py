"""Keys as they are pressed: a terminal's bytes come in, `Key` goes out; the terminal is left as it was found.

Keys are told one by one (Ctrl-C and Ctrl-Z stay signals). Where the terminal speaks the kitty keyboard protocol, it
tells releases too, while someone asks for them. Whatever ends us, a few lines of shell that guard the terminal put it
right.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, TracebackType

from orchestrator import shell
from orchestrator.errors import Cancelled

ASK = "\x1b[?u"  # for the kitty keyboard protocol; terminals without it say nothing
TELL_RELEASES, TELL_NO_MORE = "\x1b[>11u", "\x1b[<u"  # 1 + 2 + 8: every key as a code, with what happened to it
SIGNALS = {"c": signal.SIGINT, "z": signal.SIGTSTP, "\\": signal.SIGQUIT}  # as codes they are no signals any more
SURROGATES = range(0xD800, 0xE000)  # halves of characters, which no text can hold
HANDLED = (signal.SIGTSTP, signal.SIGWINCH)

# Notes the terminal before and after it was changed. If we end without a word and nobody else, such as a shell, has put
# it right a moment later, does so.
GUARD = r"""
exec 3< "/dev/fd/$1"; before=$(stty -g); echo; read -r word <&3; ours=$(stty -g); read -r word <&3 && exit; sleep 0.2
[ "$(stty -g)" = "$ours" ] && { stty "$before"; printf '\033[<u' >&0; }
"""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key; `name` is its character, or a word: enter, backspace, left; redraw: the terminal wants that of us."""

    name: str
    control: bool = False
    released: bool = False


class Reader:
    """Makes keys of bytes; a sequence may come in parts."""

    def __init__(self) -> None:
        self.tells_releases = False  # the terminal answered that it could
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def read(self, data: bytes) -> Iterator[Key]:
        text = self._held + self._decoder.decode(data)
        self._held = ""
        for found in _SEQUENCE.finditer(text):
            if _BEGUN.fullmatch(text, found.start()):
                self._held = text[found.start() :]
                return
            yield from self._keys(found)

    def _keys(self, found: re.Match[str]) -> Iterator[Key]:
        arguments, final, character = found["arguments"], found["final"], found["character"]
        if character:
            yield _typed(ord(character))
        elif final == "u" and arguments.startswith("?"):
            self.tells_releases = True
        elif final == "u":
            code, _, rest = arguments.partition(";")
            modifiers, _, event = rest.partition(";")[0].partition(":")
            key = _typed(_number(code))
            control = key.control or bool((_number(modifiers) or 1) - 1 & 4)
            if event != "2":  # a key held down is pressed once
                yield Key(name=key.name, control=control, released=event == "3")
        elif not arguments.startswith("?") and not arguments.endswith(":3"):
            name = _NAMED.get((arguments if final == "~" else "") + final)
            yield from [Key(name=name)] if name else []


_SEQUENCE = re.compile(
    r"\x1b[\[O](?P<arguments>[0-9;:?<=>]*)(?P<final>[@-~])|(?:\x1b(?=[^\[O]))?(?P<character>.)", re.S
)
_BEGUN = re.compile(r"\x1b(?:[\[O][0-9;:?<=>]*)?")
_NAMED = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end", "3~": "delete"}
_NAMED |= {"1~": "home", "4~": "end", "7~": "home", "8~": "end"}
_CHARACTERS = {10: "enter", 13: "enter", 8: "backspace", 127: "backspace", 27: "escape", 32: "space"}


def _typed(code: int) -> Key:
    if code in _CHARACTERS:
        return Key(name=_CHARACTERS[code])
    if code < 32:
        return Key(name=chr(code + 96), control=True)
    return Key(name="" if code in SURROGATES or code > sys.maxunicode else chr(code))


def _number(digits: str) -> int:
    found = re.match("[0-9]{1,7}", digits)
    return int(found[0]) if found else 0


class Keyboard:
    """The terminal on standard input, if there is one."""

    def __init__(self) -> None:
        self.there = sys.stdin is not None and sys.stdin.isatty()
        self._reader = Reader()
        self._asking = False  # for releases
        self._told = False  # the terminal was asked to tell them
        self._fd = -1

    def __enter__(self) -> Keyboard:
        if self.there:
            self._fd = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._fd)
            self._guarded()
            self._take()
            self._tell_guard()
            self._woken, self._wake = os.pipe()
            os.set_blocking(self._wake, False)
            # Python runs handlers between its own steps: by itself, a signal just before select() would not end it.
            self._wake_before_us = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
            self._before_us = {number: signal.signal(number, self._on_signal) for number in HANDLED}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.there:
            for number, handler in self._before_us.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._wake_before_us)
            self._give_back()
            os.close(self._woken)
            os.close(self._wake)
            self._tell_guard()
            self._to_guard.close()
            shell.stop(self._guard)

    def pressed(self, seconds: float | None = 0) -> tuple[Key, ...]:
        """Tell the keys pressed since the last look; wait so long for one, or without end."""
        ready = select.select([self._fd, self._woken], [], [], seconds)[0] if self.there else ()
        if self._fd not in ready:
            return (Key(name="redraw"),) if ready and os.read(self._woken, 1024) else ()
        keys = tuple(self._reader.read(self._bytes()))
        self._tell(self._asking and self._reader.tells_releases)
        for key in keys:
            if key.control and key.name in SIGNALS and not key.released:
                os.kill(os.getpid(), SIGNALS[key.name])
        return keys

    def _bytes(self) -> bytes:
        try:
            data = os.read(self._fd, 1024)
        except OSError:  # EIO: its window was closed
            data = b""
        if not data:
            raise Cancelled("the terminal is gone")
        return data

    def forget(self) -> None:
        """Drop what was typed while nobody looked."""
        if self.there:
            termios.tcflush(self._fd, termios.TCIFLUSH)

    def tell_releases(self, wanted: bool) -> None:
        """Ask the terminal to tell releases too, if it can."""
        self._asking = wanted and self.there and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        if self._asking and not self._reader.tells_releases:
            _write(ASK)
        self._tell(self._asking and self._reader.tells_releases)

    @property
    def telling_releases(self) -> bool:
        """Tell whether releases are told now."""
        return self._told

    def _tell(self, wanted: bool) -> None:
        if wanted != self._told:
            _write(TELL_RELEASES if wanted else TELL_NO_MORE)
        self._told = wanted

    def _take(self) -> None:
        """Have keys told at once and not shown."""
        mode = termios.tcgetattr(self._fd)
        mode[3] &= ~(termios.ECHO | termios.ICANON)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSADRAIN, mode)

    def _give_back(self) -> None:
        self._tell(False)
        with suppress(termios.error):  # its window was closed
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._before)  # an answer to ASK may still come in

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Hand the terminal back before Ctrl-Z and take it again after; `pressed` is woken to ask for a redraw."""
        if number == signal.SIGTSTP:
            self._give_back()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            signal.signal(number, self._on_signal)
            self._take()
            self._tell(self._asking and self._reader.tells_releases)

    def _guarded(self) -> None:
        """Start the guard, and wait until it has noted how the terminal was found."""
        theirs, ours = os.pipe()
        self._guard = shell.start(["/bin/sh", "-c", GUARD, "guard", str(theirs)], stdin=self._fd, keep=(theirs,))
        os.close(theirs)
        self._to_guard = os.fdopen(ours, "wb", buffering=0)
        if self._guard.stdout:
            self._guard.stdout.readline()

    def _tell_guard(self) -> None:
        with suppress(BrokenPipeError):  # somebody killed it; then nobody guards
            self._to_guard.write(b"\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
