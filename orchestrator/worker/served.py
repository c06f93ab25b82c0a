"""The engines of a running `serve`, reached through its socket.

What the socket sends is unpickled, so it must be in a folder that only this user can enter.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from orchestrator import __version__
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.worker.messages import PROTOCOL, Answer, Died

GREETING_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """The first line that a `serve` sends on its socket."""

    version: str
    url: str
    pid: int
    protocol: int = 0  # of a `serve` that did not send one yet

    @classmethod
    def here(cls, url: str) -> Greeting:
        return cls(version=__version__, url=url, pid=os.getpid(), protocol=PROTOCOL)

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


class Served:
    """A connection to a running `serve`; the first message it reads is an Opening."""

    def __init__(self, role: str, connected: socket.socket, greeting: Greeting) -> None:
        self.role, self.greeting = role, greeting
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
        """Close the connection; the server drops calls that it has not answered."""
        self.answers.close()
        self._socket.close()

    def death(self) -> AudioToImageError:
        """Return an error that says that the server has gone."""
        return Died(f"the `serve` that held the {self.role} engine ended", "try again: an engine is started for you")


def connect(path: Path | None, role: str) -> Served | None:
    """Connect to the `serve` behind a socket; None if none runs, or if it speaks another protocol."""
    if not path or not ours(path.parent):
        return None
    connected = socket.socket(socket.AF_UNIX)
    try:
        connected.settimeout(GREETING_SECONDS)
        connected.connect(str(path))
        greeting = _greeting(connected)
        connected.settimeout(None)
    except (OSError, ValueError, TypeError):
        connected.close()
        return None
    if greeting.protocol != PROTOCOL:
        connected.close()
        return None
    return Served(role, connected, greeting)


def ask(path: Path | None, question: object) -> Iterator[Any] | None:
    """Ask a running `serve` itself, not an engine, and yield its answers; None if none runs."""
    served = connect(path, "studio")
    return _answers(served, question) if served else None


def private(folder: Path) -> Path:
    """Make a folder for sockets that only this user can enter."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if not ours(folder):
        raise Misuse(f"other users can enter {folder}, where sockets belong", f"ls -ld {folder}, and remove it")
    return folder


def ours(folder: Path) -> bool:
    """Return whether a folder belongs to this user and is closed to everybody else."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _answers(served: Served, question: object) -> Iterator[Any]:
    try:
        served.questions.send(question)
        answer: Answer = served.answers.recv()
        while answer.more:
            yield answer.value
            answer = served.answers.recv()
        if answer.error:
            raise answer.error
    except (EOFError, OSError) as error:
        raise served.death() from error
    finally:
        served.leave()


def _greeting(connected: socket.socket) -> Greeting:
    """Read the first line; fields of a later version are passed over."""
    with connected.dup() as twin, twin.makefile("rb", buffering=0) as file:
        sent = json.loads(file.readline(1000))
    return Greeting(**{each.name: sent[each.name] for each in fields(Greeting) if each.name in sent})
