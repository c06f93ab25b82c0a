"""A real pseudo-terminal for tests: runs a command, presses keys and waits for what it draws."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
# The terminal becomes the program's controlling one, so that Ctrl-C and Ctrl-Z are signals.
TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[_\]].*?(\x1b\\|\a)|[78=>])", re.DOTALL)
METER = re.compile(r"[█░] +([0-9]+\.[0-9]) s")
PATIENCE = 100.0  # seconds until something that should happen counts as failed, on a machine that is busy


class Terminal:
    """A command that runs in a pseudo-terminal of its own."""

    def __init__(self, *command: str, columns: int = 80, lines: int = 24, **environment: str) -> None:
        self._ours, theirs = os.openpty()
        self.resize(columns, lines)
        self.mode_before = self.mode
        self.mark = f"A2I_TEST_MARK={uuid.uuid4().hex}"
        name, value = self.mark.split("=")
        self.raw = ""
        self._seen = 0  # characters of `raw`
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE, *command], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={"TERM": "xterm-256color"} | dict(os.environ) | {name: value} | environment,
        )  # fmt: skip
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        for pid in self.processes():
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, 9)

    @property
    def mode(self) -> list[object]:
        """Return the terminal's attributes, without the flag for pending input, which the kernel sets."""
        mode = termios.tcgetattr(self._ours)
        mode[3] &= ~getattr(termios, "PENDIN", 0)
        return mode

    def resize(self, columns: int, lines: int = 24) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str, seconds: float = PATIENCE) -> str:
        """Wait until a text has appeared since the last call; return what was drawn up to its end."""
        end = time.monotonic() + seconds
        while (at := self.raw.find(text, self._seen)) < 0:
            assert self._look(end), f"{text!r} did not appear in:\n{self.raw[self._seen :]}"
        seen, self._seen = self.raw[self._seen : at + len(text)], at + len(text)
        return seen

    def wait_for_meter(self, recorded: float) -> None:
        """Wait until the meter shows at least so many seconds: on a busy machine it does not show each tenth."""
        end = time.monotonic() + PATIENCE
        while not (found := [each for each in METER.finditer(self.raw, self._seen) if float(each[1]) >= recorded]):
            assert self._look(end), f"{recorded} s were not recorded:\n{self.raw[self._seen :]}"
        self._seen = found[0].end()

    def wait_for_exit(self, seconds: float = PATIENCE) -> int:
        """Wait until the program has ended; return its exit status."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            self._look(min(end, time.monotonic() + 0.05))
            assert time.monotonic() < end, f"it does not end:\n{self.raw[-500:]}"
        while self._look(time.monotonic() + 0.1):
            pass
        return self.process.returncode

    @property
    def text(self) -> str:
        """Return everything drawn, without escape sequences, one line for each redraw."""
        return SEQUENCE.sub("", self.raw).replace("\r\n", "\n").replace("\r", "\n")

    def processes(self) -> list[int]:
        """Return the ids of the program's processes: all that inherited its mark."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def wait_for_all_to_end(self, seconds: float = PATIENCE) -> bool:
        """Wait until all its processes have ended; return whether they did."""
        end = time.monotonic() + seconds
        while self.processes() and time.monotonic() < end:
            time.sleep(0.05)
        return not self.processes()

    def engine_process(self, library: str, seconds: float = PATIENCE) -> int:
        """Return the id of the process that has loaded a library."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for pid in self.processes():
                maps = Path(f"/proc/{pid}/maps")
                if maps.exists() and library in maps.read_text():
                    return pid
            time.sleep(0.05)
        raise AssertionError(f"no process has loaded {library}")

    def _look(self, end: float) -> bool:
        if not select.select([self._ours], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # the other side is closed
            return False
        self.raw += data.decode(errors="replace")
        return bool(data)
