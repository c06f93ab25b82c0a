"""One call to an engine in another process, and its answers as they arrive."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from orchestrator.errors import AudioToImageError, Cancelled
from orchestrator.worker.messages import Answer

Value = TypeVar("Value")


class Peer(Protocol):
    """The engine of a call."""

    def tick(self) -> None:
        """Check whether to go on waiting; may raise."""

    def wait(self) -> None:
        """Wait until something arrives."""

    def collect(self) -> None:
        """Take what has arrived."""

    def cancel(self, number: int) -> None:
        """Tell the engine to stop a call."""


class Call(Generic[Value]):
    """A method that was called: poll it, wait for its result, iterate over its values, or cancel it."""

    def __init__(self, engine: Peer, number: int) -> None:
        self.number = number
        self._engine = engine
        self._values: deque[Value] = deque()
        self._error: AudioToImageError | None = None
        self._ended = False

    @property
    def ended(self) -> bool:
        """Return whether no more values will arrive; some may still be waiting to be taken."""
        return self._ended

    @property
    def failed(self) -> bool:
        """Return whether the call ended with an error, without raising it."""
        return self._error is not None

    def poll(self) -> bool:
        """Return whether the next value, or the end, has arrived; never waits."""
        self._engine.collect()
        return bool(self._values) or self._ended

    def result(self) -> Value:
        """Wait for the call's only value."""
        values = list(self)
        if not values:
            raise Cancelled("the call was cancelled")
        return values[0]

    def __iter__(self) -> Iterator[Value]:
        """Yield values as they arrive; stopping the iteration cancels the call."""
        try:
            while True:
                self._engine.tick()
                while not self.poll():
                    self._engine.wait()
                if not self._values:
                    break
                yield self._values.popleft()
        finally:
            self.cancel()
        if self._error:
            raise self._error

    def cancel(self) -> None:
        """Stop the work without waiting for it; what has not been taken is dropped. Does nothing after the end."""
        if not self._ended:
            self._ended = True
            self._engine.cancel(self.number)
        self._values.clear()

    def take(self, answer: Answer) -> None:
        """Accept an answer that arrived."""
        if self._ended:
            return
        if answer.more:
            self._values.append(answer.value)
        else:
            self._ended, self._error = True, answer.error
