"""The engines of a running `serve`, reached through its socket: a path comes in, a connection goes out, or None.

Whatever the socket says is unpickled, so it must stand in a folder that is ours alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from orchestrator import __version__
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.worker.messages import Answer, Died

GREETING_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """What a `serve` says first to whoever comes through its socket."""

    version: str
    url: str
    pid: int

    @classmethod
    def here(cls, url: str) -> Greeting:
        return cls(version=__version__, url=url, pid=os.getpid())

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


class Served:
    """A connection to a running `serve`; the first message it reads is an Opening."""

    def __init__(self, name: str, connected: socket.socket, greeting: Greeting) -> None:
        self.name, self.greeting = name, greeting
        self._socket = connected
        self.answers = self.questions = Connection(os.dup(connected.fileno()))

    @property
    def alive(self) -> bool:
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def leave(self) -> None:
        """Leave: what was asked and not answered is let be."""
        self.answers.close()
        self._socket.close()

    def death(self) -> AudioToImageError:
        """Say that the server has gone."""
        return Died(f"the `serve` that held the {self.name} engine ended", "try again: engines of your own will do it")


def connect(path: Path | None, name: str) -> Served | None:
    """Connect to the `serve` behind a socket, if one of our version runs."""
    if not path or not ours(path.parent):
        return None
    connected = socket.socket(socket.AF_UNIX)
    try:
        connected.settimeout(GREETING_SECONDS)
        connected.connect(str(path))
        greeting = Greeting(**json.loads(_greeting(connected)))
        connected.settimeout(None)
    except (OSError, ValueError, TypeError):
        connected.close()
        return None
    if greeting.version != __version__:
        connected.close()
        return None
    return Served(name, connected, greeting)


def ask(path: Path | None, question: object) -> Iterator[Any] | None:
    """Ask a running `serve` something other than an engine: what it answers, value by value; None where none runs."""
    served = connect(path, "studio")
    return _answers(served, question) if served else None


def private(folder: Path) -> Path:
    """Make a folder for sockets, that nobody else may enter."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if not ours(folder):
        raise Misuse(f"{folder} is not ours alone", f"ls -ld {folder}, and remove it")
    return folder


def ours(folder: Path) -> bool:
    """Tell whether a folder is ours, and closed to everybody else."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _answers(served: Served, question: object) -> Iterator[Any]:
    with contextlib.closing(_received(served, question)) as answers:
        for answer in answers:
            if answer.error:
                raise answer.error
            if answer.more:
                yield answer.value


def _received(served: Served, question: object) -> Generator[Answer]:
    try:
        served.questions.send(question)
        more = True
        while more:
            answer: Answer = served.answers.recv()
            more = answer.more
            yield answer
    except (EOFError, OSError) as error:
        raise served.death() from error
    finally:
        served.leave()


def _greeting(connected: socket.socket) -> bytes:
    """Read the first line."""
    with connected.dup() as twin, twin.makefile("rb", buffering=0) as file:
        return file.readline(1000)
