"""An engine in another process: in a running `serve`, or in a child process, which can crash alone.

    engine = RemoteEngine(Opening(role="picture", path="orchestrator.paint:open_painter", arguments={...}))
    facts = engine.load()
    for value in engine.call("paint", wish):
        ...

An engine works on one call at a time. A new call cancels the one before it.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from orchestrator.errors import AudioToImageError
from orchestrator.worker.call import Call
from orchestrator.worker.child import Child
from orchestrator.worker.messages import Answer, Ask, Cancel, Died, Opening
from orchestrator.worker.served import Served, connect

__all__ = ["Call", "Opening", "RemoteEngine"]

Facts = TypeVar("Facts")
TICK = 0.05  # seconds between two calls of `on_tick` while waiting


class RemoteEngine(Generic[Facts]):
    """An engine in another process, which answers `load` with facts about itself.

    `socket` is that of a `serve` whose engine is used if it runs. `on_tick` is called repeatedly while waiting, and may
    raise to end the wait.
    """

    def __init__(
        self, opening: Opening, *, socket: Path | None = None, on_tick: Callable[[], None] | None = None
    ) -> None:
        self.opening, self.on_tick = opening, on_tick
        self._socket = socket
        self._peer: Child | Served | None = None
        self._facts: tuple[Facts] | None = None  # once loaded
        self._failure: AudioToImageError | None = None  # of loading, or without a call
        self._call: Call[Any] | None = None
        self._numbers = 0  # of the last call sent
        self._working = 0  # the call that the engine has not ended yet

    @property
    def alive(self) -> bool:
        return self._peer is not None and self._peer.alive

    @property
    def loaded(self) -> bool:
        """Return whether the engine has loaded, without waiting; raise if it failed to, or has died since."""
        self.collect()
        if self._failure:
            raise self._failure
        return self._facts is not None

    @property
    def free(self) -> bool:
        """Return whether a call would begin at once."""
        return self.loaded and not self._working

    def start(self) -> None:
        """Connect to the engine, or start its process, and have it load, without waiting; also after a failure."""
        self.collect()
        if self.alive:
            return
        self.unload()
        self._failure = None
        self._peer = connect(self._socket, self.opening.role) or Child(self.opening.role)
        self._send(self.opening)

    def load(self) -> Facts:
        """Wait until the engine has loaded, and return its facts."""
        self.collect()
        if not self._failure or isinstance(self._failure, Died):
            self.start()
        while self._facts is None:
            if self._failure:
                failure, self._failure = self._failure, None  # the next call tries again
                raise failure
            self.wait()
        return self._facts[0]

    def call(self, method: str, *arguments: Any) -> Call[Any]:
        """Call a method of the engine without waiting for its answer; waits for the engine to load."""
        if self._call:
            self._call.cancel()
        self.load()
        self._numbers += 1
        call = Call[Any](self, self._numbers)
        self._call, self._working = call, call.number
        self._send(Ask(number=call.number, method=method, arguments=arguments))
        return call

    def unload(self) -> None:
        """Leave the engine: a child process ends and frees its memory, a `serve` keeps it for others."""
        self._leave(AudioToImageError(f"the {self.opening.role} engine was unloaded", "try again"))

    def tick(self) -> None:
        """Call `on_tick`."""
        if self.on_tick:
            self.on_tick()

    def wait(self) -> None:
        """Wait until something arrives, ticking meanwhile, and collect it."""
        peer = self._peer
        if peer is None:
            raise AudioToImageError(f"there is no {self.opening.role} engine", "try again")
        with contextlib.suppress(OSError):  # `collect` meets the same error and reports it
            self.tick()
            while self._peer is peer and not peer.answers.poll(TICK):
                self.tick()
        self.collect()

    def collect(self) -> None:
        """Pass the answers that have arrived to their call, so that the engine can send more. Never waits."""
        try:
            while self._peer and self._peer.answers.poll():
                self._take(self._peer.answers.recv())
        except (EOFError, OSError, pickle.UnpicklingError):
            self._lose()

    def cancel(self, number: int) -> None:
        """Tell the engine to stop a call."""
        if self._working == number and self._peer:
            with contextlib.suppress(OSError):  # a dead engine has stopped
                self._peer.questions.send(Cancel(number=number))

    def _take(self, answer: Answer) -> None:
        if not answer.number:
            self._failure = answer.error
            self._facts = None if answer.error else (cast(Facts, answer.value),)
        elif self._call and self._call.number == answer.number:
            self._call.take(answer)
        if answer.number == self._working and not answer.more:
            self._working = 0
        if self._failure:
            self.unload()

    def _send(self, message: object) -> None:
        try:
            if self._peer:
                self._peer.questions.send(message)
        except OSError:
            self._lose()

    def _lose(self) -> None:
        """Make the engine's death the error of its call, or without one the failure that is raised next."""
        died = self._peer.death() if self._peer else Died("there is no engine", "try again")
        if not self._leave(died):
            self._failure = died

    def _leave(self, error: AudioToImageError) -> bool:
        """Leave the engine; return whether a call ended with the error because of that."""
        peer, call = self._peer, self._call
        self._peer = self._facts = self._call = None
        self._working = 0
        if peer:
            peer.leave()
        if not call or call.ended:
            return False
        call.take(Answer(number=call.number, error=error))
        return True
