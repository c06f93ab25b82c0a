"""A child process that holds an engine: how it is started, and what runs in it.

A child whose parent is gone reads the end of its pipe and stops.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import IO, Any

from orchestrator.errors import AudioToImageError
from orchestrator.worker.messages import Answer, Ask, Died, Opening

LEAVING_SECONDS = 2.0


class Child:
    """A process that will hold an engine; the first message it reads is an Opening."""

    def __init__(self, role: str) -> None:
        self.role = role
        self._log = _log()
        (self.answers, self.questions), (childs_in, childs_out) = _pipes()
        program = f"from orchestrator.worker.child import serve; serve({childs_in}, {childs_out})"
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=(childs_in, childs_out),
                start_new_session=True,
            )
        except OSError as error:
            for file in (self.answers, self.questions, self._log):
                file.close()
            raise AudioToImageError(
                f"cannot start the {role} engine: {error.strerror}", "close other programs, then try again"
            ) from error
        finally:
            os.close(childs_in)
            os.close(childs_out)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def leave(self) -> None:
        """Close the pipes, which ends the child; kill it if it does not end: Core ML can take minutes."""
        self.answers.close()
        self.questions.close()
        self._wait()
        self._log.close()

    def death(self) -> AudioToImageError:
        """Return an error that says how the child ended, with the last line it wrote."""
        code = self._wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        how = f"signal {-code}" if code < 0 else f"status {code}"
        last = f": {lines[-1].strip()}" if lines else ""
        return Died(f"the {self.role} engine died ({how}){last}", "audio-to-image doctor")

    def _wait(self) -> int:
        try:
            return self.process.wait(LEAVING_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def _log() -> IO[bytes]:
    """Make a file for what the child writes, which lasts as long as the child."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise AudioToImageError(
            f"there is no place for temporary files: {error.strerror}", "export TMPDIR=FOLDER, one with room"
        ) from error


def _pipes() -> tuple[tuple[Connection, Connection], tuple[int, int]]:
    """Make a pipe each way: our two ends, and the child's two file descriptors."""
    our_in, childs_out = os.pipe()
    childs_in, our_out = os.pipe()
    return (Connection(our_in, writable=False), Connection(our_out, readable=False)), (childs_in, childs_out)


def serve(questions_fd: int, answers_fd: int) -> None:
    """Run the child: open and load the engine, then answer until the parent is gone."""
    questions, answers = Inbox(Connection(questions_fd, writable=False)), Connection(answers_fd, readable=False)
    with contextlib.suppress(EOFError, BrokenPipeError):
        _serve(questions, answers)


class Inbox:
    """The messages of a connection, read by a thread: the parent can send while the engine waits to send too."""

    def __init__(self, connection: Connection) -> None:
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=[connection], daemon=True).start()

    def poll(self) -> bool:
        """Return whether a message, or the end, has arrived."""
        return not self._messages.empty()

    def recv(self) -> Any:
        """Wait for the next message; raise EOFError at the end."""
        message = self._messages.get()
        if message is None:
            raise EOFError
        return message

    def _read(self, connection: Connection) -> None:
        try:
            with contextlib.suppress(EOFError, OSError):
                while True:
                    self._messages.put(connection.recv())
        finally:
            self._messages.put(None)


def _serve(questions: Inbox, answers: Connection) -> None:
    opening: Opening = questions.recv()
    try:
        module, function = opening.path.split(":")
        engine = getattr(importlib.import_module(module), function)(**opening.arguments)
        answers.send(Answer(value=engine.load()))
    except AudioToImageError as error:
        answers.send(Answer(error=error))
        return
    while True:
        ask = questions.recv()
        if isinstance(ask, Ask):
            _answer(engine, ask, questions, answers)


def _answer(engine: Any, ask: Ask, questions: Inbox, answers: Connection) -> None:
    """Answer one call: the values of an iterator one by one, anything else as one value.

    Any message that arrives meanwhile ends it: a Cancel precedes every new Ask.
    """
    try:
        value = getattr(engine, ask.method)(*ask.arguments)
        for each in value if isinstance(value, Iterator) else (value,):
            answers.send(Answer(number=ask.number, value=each, more=True))
            if questions.poll():
                break
    except AudioToImageError as error:
        answers.send(Answer(number=ask.number, error=error))
    else:
        answers.send(Answer(number=ask.number))
