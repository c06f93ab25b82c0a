"""The socket through which the user's other commands, and our own jobs, call the warm engines.

A client is greeted with our protocol number. It sends an Opening, and then what it would send to a child process of its
own; answers come in turns.
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
from orchestrator.worker.messages import Answer, Ask, Cancel, Opening
from orchestrator.worker.served import Greeting, private

MOST_CLIENTS = 128
MOST_HELD = 512 << 20  # bytes that wait for a client which does not read; beyond, it is disconnected
MALFORMED = (pickle.UnpicklingError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError)
Other = Callable[[object], Generator[object]]  # answers what is not for an engine


class Caller:
    """One connection, with a thread that reads and one that writes, so that it delays no other."""

    def __init__(self, connection: Connection, turns: Mapping[str, Turns], other: Other) -> None:
        self.opening: Opening | None = None
        self._connection, self._turns, self._other = connection, turns, other
        self._questions: deque[Ask | Opening] = deque()
        self._arrived = threading.Condition()
        self._left = self._cancelled = False
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._held = 0

    @property
    def gone(self) -> bool:
        return self._left or self._cancelled

    def take(self, seconds: float) -> Ask | Opening | None:
        with self._arrived:
            self._arrived.wait_for(lambda: self._questions or self._left, seconds)
            return None if self._left or not self._questions else self._questions[0]

    def answer(self, answer: Answer) -> None:
        if not answer.more:
            with self._arrived:
                self._questions.popleft()
                self._cancelled = False
        self._send(answer)

    def read(self) -> None:
        """Read what the client sends until it leaves."""
        writer = threading.Thread(target=self._write, daemon=True)
        writer.start()
        with contextlib.suppress(EOFError, OSError, *MALFORMED):
            while True:
                self._receive(self._connection.recv())
        with self._arrived:
            self._left = True
            self._arrived.notify_all()
        self._out.put(None)
        writer.join()
        self._connection.close()

    def _receive(self, message: object) -> None:
        if isinstance(message, Cancel):
            self._cancel(message.number)
        elif isinstance(message, Ask | Opening):
            if isinstance(message, Opening) and message.role in self._turns:
                self.opening = message
            if not self.opening:
                raise EOFError("a call before an engine was opened")
            with self._arrived:
                self._questions.append(message)
                self._arrived.notify_all()
            self._turns[self.opening.role].join(self)
        else:
            self._answer_other(message)

    def _cancel(self, number: int) -> None:
        """Cancel a call: the current one, which stops at its next value, or one that has not begun."""
        with self._arrived:
            current = self._questions[0] if self._questions else None
            self._cancelled = self._cancelled or (isinstance(current, Ask) and current.number == number)
            waiting = [each for each in list(self._questions)[1:] if isinstance(each, Ask) and each.number == number]
            for each in waiting:
                self._questions.remove(each)
        for _ in waiting:
            self._send(Answer(number=number))

    def _answer_other(self, message: object) -> None:
        try:
            with contextlib.closing(self._other(message)) as values:
                for value in values:
                    if self._connection.poll():  # a client has nothing more to send: it has left
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
        self._out.put(data)
        if self._hold(len(data)) > MOST_HELD:
            self._disconnect()

    def _hold(self, size: int) -> int:
        """Count bytes that wait to be sent, and return their sum."""
        with self._arrived:
            self._held += size
            return self._held

    def _disconnect(self) -> None:
        """End the connection, and with it both threads."""
        self._left = True
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as twin:
            twin.shutdown(socket.SHUT_RDWR)

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            while (data := self._out.get()) is not None and not self._left:
                self._connection.send_bytes(data)
                self._hold(-len(data))


class Door:
    """The socket, open while `serve` runs."""

    def __init__(self, path: Path, turns: Mapping[str, Turns], other: Other) -> None:
        self.path = path
        self._turns, self._other = turns, other
        self._socket = _bound(path)
        self._callers: set[threading.Thread] = set()

    def open(self, url: str) -> None:
        """Accept clients, and greet each with the page's address."""
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
    """Make the socket, in a folder that only this user can enter."""
    private(path.parent)
    path.unlink(missing_ok=True)  # left by a killed server; we hold the lock
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    os.chmod(path, 0o600)  # noqa: PTH101 - a socket
    bound.listen(MOST_CLIENTS)
    return bound
