"""Read single key presses from the terminal, and key releases if it has the kitty keyboard protocol.

Use `Keyboard` as a context manager. Ctrl-C and Ctrl-Z stay signals. The terminal's mode is restored on exit; if this
process is killed, a small shell process restores it.
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

QUERY_RELEASES = "\x1b[?u"  # is there a kitty keyboard protocol? terminals without it do not answer
ENABLE_RELEASES, DISABLE_RELEASES = "\x1b[>11u", "\x1b[<u"  # 11 = 1 + 2 + 8: all keys as codes, with event types
SIGNALS = {"c": signal.SIGINT, "z": signal.SIGTSTP, "\\": signal.SIGQUIT}  # the kernel does not see these keys as codes
SURROGATES = range(0xD800, 0xE000)
HANDLED = (signal.SIGTSTP, signal.SIGWINCH)

# Saves the terminal's mode before and after we change it. If we exit without a message and no shell has restored the
# mode a moment later, restores it.
GUARD = r"""
exec 3< "/dev/fd/$1"; old=$(stty -g); echo; read -r line <&3; ours=$(stty -g); read -r line <&3 && exit; sleep 0.2
[ "$(stty -g)" = "$ours" ] && { stty "$old"; printf '\033[<u' >&0; }
"""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key event. `name` is a character or a word such as enter or left; "redraw" means that the screen changed."""

    name: str
    control: bool = False
    released: bool = False


class Reader:
    """Parse a terminal's bytes into keys; an escape sequence may be split over several reads."""

    def __init__(self) -> None:
        self.supports_releases = False  # set by the answer to QUERY_RELEASES
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""

    def read(self, data: bytes) -> Iterator[Key]:
        text = self._pending + self._decoder.decode(data)
        self._pending = ""
        for found in _SEQUENCE.finditer(text):
            if _INCOMPLETE.fullmatch(text, found.start()):
                self._pending = text[found.start() :]
                return
            yield from self._keys(found)

    def _keys(self, found: re.Match[str]) -> Iterator[Key]:
        arguments, final, character = found["arguments"], found["final"], found["character"]
        if character:
            yield _character_key(ord(character))
        elif final == "u" and arguments.startswith("?"):
            self.supports_releases = True
        elif final == "u":
            code, _, rest = arguments.partition(";")
            modifiers, _, event = rest.partition(";")[0].partition(":")
            key = _character_key(_number(code))
            control = key.control or bool((_number(modifiers) or 1) - 1 & 4)
            if event != "2":  # ignore repeats
                yield Key(name=key.name, control=control, released=event == "3")
        elif not arguments.startswith("?") and not arguments.endswith(":3"):
            name = _NAMES.get((arguments if final == "~" else "") + final)
            yield from [Key(name=name)] if name else []


_SEQUENCE = re.compile(
    r"\x1b[\[O](?P<arguments>[0-9;:?<=>]*)(?P<final>[@-~])|(?:\x1b(?=[^\[O]))?(?P<character>.)", re.S
)
_INCOMPLETE = re.compile(r"\x1b(?:[\[O][0-9;:?<=>]*)?")
_NAMES = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end", "3~": "delete"}
_NAMES |= {"1~": "home", "4~": "end", "7~": "home", "8~": "end"}
_CHARACTERS = {10: "enter", 13: "enter", 8: "backspace", 127: "backspace", 27: "escape", 32: "space"}


def _character_key(code: int) -> Key:
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
        self._requested = False
        self._enabled = False
        self._fd = -1

    def __enter__(self) -> Keyboard:
        if self.there:
            self._fd = sys.stdin.fileno()
            self._old_mode = termios.tcgetattr(self._fd)
            self._start_guard()
            self._enter_raw_mode()
            self._notify_guard()
            self._wake_read, self._wake_write = os.pipe()
            os.set_blocking(self._wake_write, False)
            # Python runs handlers between its own steps: a signal just before select() would not end it without this.
            self._old_wakeup = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
            self._old_handlers = {number: signal.signal(number, self._on_signal) for number in HANDLED}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.there:
            for number, handler in self._old_handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._old_wakeup)
            self._restore()
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._notify_guard()
            self._guard_pipe.close()
            shell.stop(self._guard)

    def pressed(self, seconds: float | None = 0) -> tuple[Key, ...]:
        """Return the keys pressed since the last call, waiting up to `seconds` for one, or forever if None."""
        ready = select.select([self._fd, self._wake_read], [], [], seconds)[0] if self.there else ()
        if self._fd not in ready:
            return (Key(name="redraw"),) if ready and os.read(self._wake_read, 1024) else ()
        keys = tuple(self._reader.read(self._read_bytes()))
        self._set_releases(self._requested and self._reader.supports_releases)
        for key in keys:
            if key.control and key.name in SIGNALS and not key.released:
                os.kill(os.getpid(), SIGNALS[key.name])
        return keys

    def _read_bytes(self) -> bytes:
        try:
            data = os.read(self._fd, 1024)
        except OSError:  # EIO: the window was closed
            data = b""
        if not data:
            raise Cancelled("the terminal was closed")
        return data

    def forget(self) -> None:
        """Discard keys typed since the last call."""
        if self.there:
            termios.tcflush(self._fd, termios.TCIFLUSH)

    def request_releases(self, enabled: bool) -> None:
        """Ask the terminal to report key releases, or to stop; nothing happens if it cannot."""
        self._requested = enabled and self.there and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        if self._requested and not self._reader.supports_releases:
            _write(QUERY_RELEASES)
        self._set_releases(self._requested and self._reader.supports_releases)

    @property
    def releases_enabled(self) -> bool:
        """Return whether the terminal reports key releases now."""
        return self._enabled

    def _set_releases(self, enabled: bool) -> None:
        if enabled != self._enabled:
            _write(ENABLE_RELEASES if enabled else DISABLE_RELEASES)
        self._enabled = enabled

    def _enter_raw_mode(self) -> None:
        """Get each key at once, without echo."""
        mode = termios.tcgetattr(self._fd)
        mode[3] &= ~(termios.ECHO | termios.ICANON)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSADRAIN, mode)

    def _restore(self) -> None:
        self._set_releases(False)
        with suppress(termios.error):  # the window was closed
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._old_mode)  # flush a late answer to QUERY_RELEASES

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Restore the terminal while suspended by Ctrl-Z; wake a waiting `pressed` so that the screen is redrawn."""
        if number == signal.SIGTSTP:
            self._restore()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            signal.signal(number, self._on_signal)
            self._enter_raw_mode()
            self._set_releases(self._requested and self._reader.supports_releases)

    def _start_guard(self) -> None:
        """Start the guard, and wait until it has saved the terminal's mode."""
        theirs, ours = os.pipe()
        self._guard = shell.start(["/bin/sh", "-c", GUARD, "guard", str(theirs)], stdin=self._fd, keep=(theirs,))
        os.close(theirs)
        self._guard_pipe = os.fdopen(ours, "wb", buffering=0)
        if self._guard.stdout:
            self._guard.stdout.readline()

    def _notify_guard(self) -> None:
        with suppress(BrokenPipeError):  # the guard was killed
            self._guard_pipe.write(b"\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
