"""An engine elsewhere: in a running `serve`, or in a child process of its own, which dies alone.

Comes in: the import path of a function that opens the engine, with its arguments. Goes out: whatever its methods give.
One request at a time travels there, answers are streamed back.
"""

from __future__ import annotations

import contextlib
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from orchestrator.errors import AudioToImageError
from orchestrator.worker.child import Child
from orchestrator.worker.messages import Answer, Ask, Opening, Stop
from orchestrator.worker.served import Served, connect

__all__ = ["Elsewhere", "Opening"]

TICK = 0.05  # seconds between two looks at whether to go on waiting


class Elsewhere:
    """An engine in another process. `start` returns at once; the first question waits until the engine has loaded.

    `socket` is that of a `serve` whose engine is used if it runs; `tick` is called again and again while one waits, and
    may raise to end that.
    """

    def __init__(self, opening: Opening, *, socket: Path | None = None, tick: Callable[[], None] | None = None) -> None:
        self.opening = opening
        self.tick = tick
        self._socket = socket
        self._peer: Child | Served | None = None
        self._loaded = False
        self._asked = False  # something, and its last answer has not been received
        self._stopping = False
        self._held: deque[Answer] = deque()  # gathered, not yet followed

    @property
    def alive(self) -> bool:
        return self._peer is not None and self._peer.alive

    @property
    def loaded(self) -> bool:
        """Tell whether the engine is ready, without waiting; raises if it could not be, or has died since."""
        if not self._asked and self.answered:
            self._ready()
        return self._loaded

    @property
    def answered(self) -> bool:
        """Tell whether something waits to be received."""
        return self._peer is not None and self._peer.answers.poll()

    @property
    def begun(self) -> bool:
        """Tell whether what was begun is still to be received; an engine that was started anew knows nothing of it."""
        return self._asked

    @property
    def free(self) -> bool:
        """Tell whether a question would begin at once."""
        return self._quiet(wait=False) and not self._asked and self.loaded

    def start(self) -> None:
        """Go where the engine is and have it load, without waiting for it."""
        if self.alive:
            return
        self.unload()
        self._peer = connect(self._socket, self.opening.name) or Child(self.opening.name)
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
        self._send(Ask(method=method, arguments=arguments))
        self._asked = True

    def finish(self) -> Any:
        """Wait for the answer to what was begun."""
        answer = self._receive()
        self._receive()
        return answer.value

    def follow(self) -> Iterator[Any]:
        """Yield what the method that was begun yields; stopping the iteration stops the work."""
        try:
            answer = self._receive()
            while answer.more:
                yield answer.value
                answer = self._receive()
        finally:
            self.stop()  # does nothing after the last answer

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
                self._send(Stop())
                self._stopping = True

    def unload(self) -> None:
        """Let the engine go: a child ends, with its memory; a `serve` keeps it for others."""
        peer, self._peer = self._peer, None
        self._loaded = self._asked = self._stopping = False
        self._held.clear()
        if peer:
            peer.leave()

    def _quiet(self, *, wait: bool) -> bool:
        """Drop what an engine that was told to stop still says; tell whether it has stopped."""
        try:
            while self._stopping and (wait or self._held or self.answered):
                self._stopping = self._receive().more
        except AudioToImageError:
            self._stopping = False  # it ended otherwise, which is nobody's news
        return not self._stopping

    def _send(self, message: object) -> None:
        if self._peer is None:
            raise AudioToImageError(f"the {self.opening.name} engine is not there", "try again")
        try:
            self._peer.questions.send(message)
        except OSError as error:
            raise self._death() from error

    def _receive(self) -> Answer:
        answer = self._held.popleft() if self._held else self._read()
        if not answer.more:
            self._asked = self._stopping = False
        if answer.error:
            if not self._loaded:
                self.unload()
            raise answer.error
        return answer

    def _read(self) -> Answer:
        if self._peer is None:
            raise AudioToImageError(f"the {self.opening.name} engine is not there", "try again")
        try:
            self._wait(self._peer)
            answer: Answer = self._peer.answers.recv()
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise self._death() from error
        return answer

    def _wait(self, peer: Child | Served) -> None:
        """Wait for an answer; `tick` is called before each, however quickly they come."""
        if self.tick:
            self.tick()
            while not peer.answers.poll(TICK):
                self.tick()

    def _death(self) -> AudioToImageError:
        """Say how the engine was lost, and let go of what is left of it."""
        error = self._peer.death() if self._peer else AudioToImageError("there is no engine", "try again")
        self.unload()
        return error
