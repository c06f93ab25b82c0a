"""An engine elsewhere: a child process that holds it, answers its methods, streams what they yield, and dies alone.

Comes in: the import path of a function that opens the engine, with its arguments. Goes out: whatever its methods give.
One request at a time travels over a pair of pipes; a child whose parent is gone reads the pipe's end and stops.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection
from typing import IO, Any

from orchestrator.errors import AudioToImageError

LEAVING_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How the child makes its engine: `room:function` and what it is called with."""

    name: str  # for messages: "speech", "picture"
    path: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Ask:
    method: str
    arguments: tuple[Any, ...] = ()


class _Stop:
    """Tells the child to stop the stream it is in."""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """One value; `more` while others follow."""

    value: Any = None
    error: AudioToImageError | None = None
    more: bool = False


class Elsewhere:
    """An engine in a child process. `start` returns at once; the first question waits until the engine has loaded."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self._child: subprocess.Popen[bytes] | None = None
        self._loaded = False
        self._asked = False  # something, and its last answer has not been received
        self._stopping = False
        self._held: deque[_Answer] = deque()  # gathered, not yet followed

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def loaded(self) -> bool:
        """Tell whether the engine is ready, without waiting; raises if it could not be, or has died since."""
        if not self._asked and self.answered:
            self._ready()
        return self._loaded

    @property
    def answered(self) -> bool:
        """Tell whether something waits to be received."""
        return self._child is not None and self._from.poll()

    @property
    def free(self) -> bool:
        """Tell whether a question would begin at once."""
        return self._quiet(wait=False) and not self._asked and self.loaded

    def start(self) -> None:
        """Start the child and have it load, without waiting for it."""
        if self.alive:
            return
        self.unload()
        ours, (childs_in, childs_out) = _pipes()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        program = f"from orchestrator.worker import serve; serve({childs_in}, {childs_out})"
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=(childs_in, childs_out),
            start_new_session=True,
        )
        os.close(childs_in)
        os.close(childs_out)
        self._from, self._to = ours
        self._send(self.opening)

    def load(self) -> None:
        """Wait until the engine is ready."""
        self.start()
        if not self._loaded:
            self._ready()

    def _ready(self) -> None:
        self._receive()
        self._loaded = True

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the engine, or look at an attribute, and give back its value."""
        self.begin(method, *arguments)
        return self.finish()

    def begin(self, method: str, *arguments: Any) -> None:
        """Ask without waiting; the next call is `finish` for a value, or `follow` for a stream."""
        self.stop()  # what was begun and given up, if there is such a thing
        self._quiet(wait=True)
        self.load()
        self._send(_Ask(method=method, arguments=arguments))
        self._asked = True

    def finish(self) -> Any:
        """Wait for the answer to what was begun."""
        answer = self._receive()
        self._receive()
        return answer.value

    def follow(self) -> Iterator[Any]:
        """Yield what the method that was begun yields; stopping the iteration stops the work."""
        answer = self._receive()
        try:
            while answer.more:
                yield answer.value
                answer = self._receive()
        except GeneratorExit:
            self.stop()
            raise

    def stream(self, method: str, *arguments: Any) -> Iterator[Any]:
        """Call a method of the engine and yield what it yields; stopping the iteration stops the work."""
        self.begin(method, *arguments)
        yield from self.follow()

    def gather(self) -> list[Any]:
        """Take in what a stream has yielded meanwhile, lest the engine waits for us; `follow` yields it all again."""
        before = len(self._held)
        while self.answered and not (self._held and not self._held[-1].more):
            self._held.append(self._read())
        return [answer.value for answer in islice(self._held, before, None) if answer.more]

    def stop(self) -> None:
        """Have the engine stop what was begun, without waiting until it has."""
        if self._asked and not self._stopping:
            with contextlib.suppress(AudioToImageError):  # a dead engine has stopped
                self._send(_Stop())
                self._stopping = True

    def unload(self) -> None:
        """Let the engine and its memory go; the child ends."""
        if self._child is None:
            return
        self._from.close()
        self._to.close()
        self._wait()
        self._log.close()
        self._child = None
        self._loaded = self._asked = self._stopping = False
        self._held.clear()

    def _wait(self) -> int:
        """Wait for the child to end, and end it if it does not: Core ML can hold it for minutes."""
        if self._child is None:
            return 0
        try:
            return self._child.wait(LEAVING_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait()

    def _quiet(self, *, wait: bool) -> bool:
        """Drop what an engine that was told to stop still says; tell whether it has stopped."""
        try:
            while self._stopping and (wait or self._held or self.answered):
                self._stopping = self._receive().more
        except AudioToImageError:
            self._stopping = False  # it ended otherwise, which is nobody's news
        return not self._stopping

    def _send(self, message: object) -> None:
        try:
            self._to.send(message)
        except OSError as error:
            raise self._death() from error

    def _receive(self) -> _Answer:
        answer = self._held.popleft() if self._held else self._read()
        self._asked = self._asked and answer.more
        if answer.error:
            if not self._loaded:
                self.unload()
            raise answer.error
        return answer

    def _read(self) -> _Answer:
        try:
            answer: _Answer = self._from.recv()
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise self._death() from error
        return answer

    def _death(self) -> AudioToImageError:
        """Say how the child ended, in its own last words."""
        code = self._wait()
        self._log.seek(0)
        words = self._log.read().decode(errors="replace").strip().splitlines()
        self.unload()
        how = f"signal {-code}" if code < 0 else f"status {code}"
        said = f": {words[-1].strip()}" if words else ""
        return AudioToImageError(f"the {self.opening.name} engine died ({how}){said}", "audio-to-image doctor")


def _pipes() -> tuple[tuple[Connection, Connection], tuple[int, int]]:
    """Make a pipe each way: our two ends, and the child's two file descriptors."""
    our_in, childs_out = os.pipe()
    childs_in, our_out = os.pipe()
    return (Connection(our_in, writable=False), Connection(our_out, readable=False)), (childs_in, childs_out)


def serve(questions_fd: int, answers_fd: int) -> None:
    """Be the child: open and load the engine, then answer until the parent is gone."""
    questions, answers = Connection(questions_fd, writable=False), Connection(answers_fd, readable=False)
    with contextlib.suppress(EOFError, BrokenPipeError):
        _serve(questions, answers)


def _serve(questions: Connection, answers: Connection) -> None:
    opening = questions.recv()
    try:
        module, function = opening.path.split(":")
        engine = getattr(importlib.import_module(module), function)(**opening.arguments)
        engine.load()
    except AudioToImageError as error:
        answers.send(_Answer(error=error))
        return
    answers.send(_Answer())
    while True:
        ask = questions.recv()
        if isinstance(ask, _Ask):
            _answer(engine, ask, questions, answers)


def _answer(engine: Any, ask: _Ask, questions: Connection, answers: Connection) -> None:
    """Answer one question: a generator's values one by one, anything else as one value."""
    try:
        member = getattr(engine, ask.method)
        value = member(*ask.arguments) if callable(member) else member
        for each in value if isinstance(value, Iterator) else (value,):
            answers.send(_Answer(value=each, more=True))
            if questions.poll():
                break
    except AudioToImageError as error:
        answers.send(_Answer(error=error))
    else:
        answers.send(_Answer())
