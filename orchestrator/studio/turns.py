"""One engine, kept warm and shared: clients take turns with their calls.

A turn lasts while its client calls again at once, and ends with a stream such as a painting. After a while without
work, the engine is unloaded.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal, Protocol

from orchestrator.errors import AudioToImageError
from orchestrator.worker import Opening, RemoteEngine
from orchestrator.worker.messages import Answer, Ask, Died

GRACE = 0.05  # seconds in which the next call of a turn must come
LONGEST_TURN = 16  # calls

State = Literal["cold", "loading", "warm", "busy"]


class Client(Protocol):
    """A connection that calls an engine."""

    opening: Opening | None

    def take(self, seconds: float) -> Ask | Opening | None:
        """Return the next question, if there is one within so many seconds."""

    @property
    def gone(self) -> bool:
        """Return whether it wants no more answers to its current call."""

    def answer(self, answer: Answer) -> None:
        """Accept an answer; never waits."""


class Turns:
    """An engine's thread, and the clients that wait for it."""

    def __init__(self, idle: float) -> None:
        self.state: State = "cold"
        self._idle = idle
        self._waiting: deque[Client] = deque()
        self._changed = threading.Condition()
        self._engine: RemoteEngine[Any] | None = None
        self._leaving = False
        self._thread = threading.Thread(target=self._run, name="turns", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Return how many clients wait."""
        return len(self._waiting)

    def join(self, client: Client) -> None:
        """Add a client that has a question to the queue."""
        with self._changed:
            if client not in self._waiting:
                self._waiting.append(client)
                self._changed.notify()

    def close(self) -> None:
        """Unload the engine after its current work."""
        with self._changed:
            self._leaving = True
            self._waiting.clear()
            self._changed.notify()
        self._thread.join(5)
        if self._engine:
            self._engine.unload()

    def _run(self) -> None:
        while not self._leaving:
            client = self._next()
            if client:
                self._turn(client)
            elif self._engine:
                self._engine.unload()
                self._engine, self.state = None, "cold"

    def _next(self) -> Client | None:
        """Wait for a client; None after the idle time."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._leaving, self._idle)
            return self._waiting.popleft() if self._waiting else None

    def _turn(self, client: Client) -> None:
        question = client.take(0)
        for _ in range(LONGEST_TURN):
            if question is None:
                return
            streamed = self._answer(client, question)
            self.state = "warm" if self._engine and self._engine.alive else "cold"
            if streamed or not self._waiting:
                break
            question = client.take(GRACE)
        if client.take(0) is not None:
            self.join(client)

    def _answer(self, client: Client, question: Ask | Opening) -> bool:
        """Answer one question; return whether it was a stream."""
        number = question.number if isinstance(question, Ask) else 0
        count = 0
        try:
            if isinstance(question, Opening):
                client.answer(Answer(value=self._opened(client).load()))
                return False
            for value in self._values(client, question):
                client.answer(Answer(number=number, value=value, more=True))
                count += 1
        except AudioToImageError as error:
            client.answer(Answer(number=number, error=error))
        else:
            client.answer(Answer(number=number))
        return count > 1

    def _values(self, client: Client, ask: Ask) -> Iterator[Any]:
        """Yield the values of a call. If the engine dies it is started again, once: equal calls have equal values, so
        those that were given already are skipped.
        """
        count = 0
        for last in (False, True):
            try:
                for value in islice(self._called(client, ask), count, None):
                    yield value
                    count += 1
                return
            except Died:
                if last:
                    raise

    def _called(self, client: Client, ask: Ask) -> Iterator[Any]:
        engine = self._opened(client)
        if client.gone:
            return
        self.state = "busy"
        call = engine.call(ask.method, *ask.arguments)
        engine.on_tick = lambda: call.cancel() if client.gone else None
        yield from call

    def _opened(self, client: Client) -> RemoteEngine[Any]:
        """Load the engine that a client opened; it may replace another one."""
        opening = client.opening
        if opening is None:
            raise AudioToImageError("no engine was opened", "try again")
        if self._engine and (self._engine.opening != opening or not self._engine.alive):
            self._engine.unload()
            self._engine = None
        self._engine = self._engine or RemoteEngine(opening)
        self._engine.on_tick = None
        if not self._engine.loaded:
            self.state = "loading"
            self._engine.load()
        return self._engine
