"""The socket through which other programs of the same person use our warm engines: `talk`, `picture` and ourselves.

Comes in: connections. Each is greeted with our version; what it says first is an Opening, and then it asks what it
would ask a child process of its own. Goes out: answers, in turns.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import socket
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

from orchestrator.errors import AudioToImageError
from orchestrator.studio.turns import Turns
from orchestrator.worker.messages import Answer, Ask, Opening, Stop
from orchestrator.worker.served import Greeting, private

MOST_CLIENTS = 128
MOST_HELD = 512 << 20  # bytes that wait for a client which does not read: beyond, it is let go
NONSENSE = (pickle.UnpicklingError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError)
Other = Callable[[object], Generator[object]]  # answers what is not about an engine


class Caller:
    """One connection, with a thread that reads and one that writes, so that nobody waits for it."""

    def __init__(self, connection: Connection, turns: Mapping[str, Turns], other: Other) -> None:
        self.opening: Opening | None = None
        self._connection, self._turns, self._other = connection, turns, other
        self._asks: deque[Ask | Opening] = deque()
        self._came = threading.Condition()
        self._left = self._stopped = False
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._held = 0

    @property
    def gone(self) -> bool:
        return self._left or self._stopped

    def take(self, seconds: float) -> Ask | Opening | None:
        with self._came:
            self._came.wait_for(lambda: self._asks or self._left, seconds)
            return None if self._left or not self._asks else self._asks[0]

    def answer(self, answer: Answer) -> None:
        if not answer.more:
            with self._came:
                self._asks.popleft()
                self._stopped = False
        self._send(answer)

    def read(self) -> None:
        """Read what the client says until it leaves."""
        writer = threading.Thread(target=self._write, daemon=True)
        writer.start()
        with contextlib.suppress(EOFError, OSError, *NONSENSE):
            while True:
                self._heed(self._connection.recv())
        with self._came:
            self._left = True
            self._came.notify_all()
        self._out.put(None)
        writer.join()
        self._connection.close()

    def _heed(self, message: object) -> None:
        if isinstance(message, Stop):
            self._stopped = bool(self._asks)
        elif isinstance(message, Ask | Opening):
            if isinstance(message, Opening) and message.name in self._turns:
                self.opening = message
            if not self.opening:
                raise EOFError("asked before it opened an engine that we have")
            with self._came:
                self._asks.append(message)
                self._came.notify_all()
            self._turns[self.opening.name].join(self)
        else:
            self._answer_other(message)

    def _answer_other(self, message: object) -> None:
        try:
            with contextlib.closing(self._other(message)) as values:
                for value in values:
                    if self._connection.poll():  # there is nothing more to say: it has left
                        break
                    self._send(Answer(value=value, more=True))
        except AudioToImageError as error:
            self._send(Answer(error=error))
        else:
            self._send(Answer())

    def _send(self, answer: Answer) -> None:
        if self._left:
            return
        data = bytes(ForkingPickler.dumps(answer))
        self._held += len(data)
        if self._held > MOST_HELD:
            self._left = True
        self._out.put(data)

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            while (data := self._out.get()) is not None and not self._left:
                self._connection.send_bytes(data)
                self._held -= len(data)


class Door:
    """The socket, open while we serve."""

    def __init__(self, path: Path, turns: Mapping[str, Turns], other: Other) -> None:
        self.path = path
        self._turns, self._other = turns, other
        self._socket = _bound(path)
        self._callers: set[threading.Thread] = set()

    def open(self, url: str) -> None:
        """Let clients in, and tell each where the page is."""
        self._greeting = Greeting.here(url).to_line()
        threading.Thread(target=self._accept, name="door", daemon=True).start()

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return  # closed
            self._callers = {thread for thread in self._callers if thread.is_alive()}
            if len(self._callers) >= MOST_CLIENTS:
                client.close()
                continue
            thread = threading.Thread(target=self._call, args=[client], daemon=True)
            self._callers.add(thread)
            thread.start()

    def _call(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client.sendall(self._greeting)
            Caller(Connection(client.detach()), self._turns, self._other).read()


def _bound(path: Path) -> socket.socket:
    """Make the socket, in a folder that nobody else may enter."""
    private(path.parent)
    path.unlink(missing_ok=True)  # left by a killed server: whoever binds holds the lock
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    os.chmod(path, 0o600)  # noqa: PTH101 - a socket
    bound.listen(MOST_CLIENTS)
    return bound
