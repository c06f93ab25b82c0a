"""One engine, kept warm and shared: clients with questions come in, answers go to each, one turn after another.

A turn lasts while its client goes on asking at once, and ends with a stream such as a painting, so that nobody who has
just settled a picture waits for everybody else's before it is painted. Without work, the engine's memory is let go.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal, Protocol

from orchestrator.errors import AudioToImageError
from orchestrator.worker import Elsewhere, Opening
from orchestrator.worker.messages import Answer, Ask, Died

GRACE = 0.05  # seconds in which the next question of a turn must come
LONGEST_TURN = 16  # questions

State = Literal["cold", "loading", "warm", "busy"]


class Client(Protocol):
    """Whoever asks."""

    opening: Opening | None

    def take(self, seconds: float) -> Ask | Opening | None:
        """Give the next question, if there is one within so many seconds."""

    @property
    def gone(self) -> bool:
        """Tell whether it wants no more of what it asked."""

    def answer(self, answer: Answer) -> None:
        """Take an answer; never waits."""


class Turns:
    """An engine's thread, and those who wait for it."""

    def __init__(self, idle: float) -> None:
        self.state: State = "cold"
        self._idle = idle
        self._waiting: deque[Client] = deque()
        self._news = threading.Condition()
        self._engine: Elsewhere | None = None
        self._leaving = False
        self._thread = threading.Thread(target=self._run, name="turns", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Tell how many wait."""
        return len(self._waiting)

    def join(self, client: Client) -> None:
        """Take a client that has a question into the queue."""
        with self._news:
            if client not in self._waiting:
                self._waiting.append(client)
                self._news.notify()

    def close(self) -> None:
        """Let the engine go, after what it is doing."""
        with self._news:
            self._leaving = True
            self._waiting.clear()
            self._news.notify()
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
        """Wait for a client; None where none came for so long that the engine may go."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._leaving, self._idle)
            return self._waiting.popleft() if self._waiting else None

    def _turn(self, client: Client) -> None:
        ask = client.take(0)
        for _ in range(LONGEST_TURN):
            if ask is None:
                return
            try:
                streamed = self._answer(client, ask)
            except AudioToImageError as error:
                client.answer(Answer(error=error))
                streamed = False
            self.state = "warm" if self._engine and self._engine.alive else "cold"
            if streamed or not self._waiting:
                break
            ask = client.take(GRACE)
        if client.take(0) is not None:
            self.join(client)

    def _answer(self, client: Client, ask: Ask | Opening) -> bool:
        """Answer one question; tell whether it was a stream.

        An engine that dies meanwhile is begun anew, once: the same question has the same answers, and those that were
        given already are passed over.
        """
        count = 0
        for last in (False, True):
            try:
                for value in islice(self._values(client, ask), count, None):
                    client.answer(Answer(value=value, more=True))
                    count += 1
                break
            except Died:
                if last:
                    raise
        client.answer(Answer())
        return count > 1

    def _values(self, client: Client, ask: Ask | Opening) -> Iterator[Any]:
        engine = self._opened(client.opening)
        if isinstance(ask, Opening) or client.gone:
            return
        self.state = "busy"

        def listen() -> None:
            if client.gone:
                engine.stop()

        engine.tick = listen
        yield from engine.stream(ask.method, *ask.arguments)

    def _opened(self, opening: Opening | None) -> Elsewhere:
        """Have the engine that is asked for: the one that is here, or another in its place."""
        if opening is None:
            raise AudioToImageError("no engine was opened", "try again: the first message must open one")
        if self._engine and (self._engine.opening != opening or not self._engine.alive):
            self._engine.unload()
            self._engine = None
        self._engine = self._engine or Elsewhere(opening)
        self._engine.tick = None
        if not self._engine.loaded:
            self.state = "loading"
            self._engine.load()
        return self._engine
