"""One job: its request, everything that has happened, and its readers."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from orchestrator import events
from orchestrator.errors import AudioToImageError, Cancelled
from orchestrator.events import Event
from orchestrator.studio import event_json
from orchestrator.studio.event_json import LAST, SUPERSEDED, Message

BACKLOG = 200  # messages a reader may be behind before superseded ones are dropped

State = Literal["running", "done", "failed", "lost"]


@dataclass(kw_only=True)
class Job:
    """A request, and what became of it."""

    what: str  # "picture", "talk", "transcription", "translation"
    text: str = ""  # the words, if there are any
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    made: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    state: State = "running"
    pictures: list[dict[str, Any]] = field(default_factory=list)
    error: AudioToImageError | None = None

    def __post_init__(self) -> None:
        self.heard: events.Heard | None = None
        self._log: list[Message] = []
        self._readers: dict[Reader, None] = {}
        self._lock = threading.Lock()
        self._cancelled = False
        self._over = threading.Event()

    def check(self) -> None:
        """Raise Cancelled if the job was cancelled."""
        if self._cancelled:
            raise Cancelled("cancelled")

    def cancel(self) -> None:
        """Make the work end soon."""
        self._cancelled = True

    def publish(self, event: Event) -> None:
        """Send an event to all readers, present and later ones."""
        if isinstance(event, events.Kept):
            self.pictures.append(event_json.picture(event))
        elif isinstance(event, events.Heard):
            self.heard = event
            self.text = self.text or event.transcript
        self._send(event_json.message(event))

    def finish(self) -> None:
        """Send the last message; `state` and `error` are set before."""
        self._log = [message for message in self._log if message.name not in SUPERSEDED]
        self._send(event_json.failed(self.error) if self.error else event_json.done(self.pictures))
        self._over.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; return whether it has come."""
        return self._over.wait(seconds)

    async def follow(self) -> AsyncIterator[Message]:
        """Yield everything that has happened and will happen, until the end."""
        reader = Reader(asyncio.get_running_loop())
        with self._lock:
            reader.backlog.extend(self._log)
            self._readers[reader] = None
        try:
            while True:
                while reader.backlog:
                    message = reader.backlog.popleft()
                    yield message
                    if message.name in LAST:
                        return
                await reader.changed.wait()
                reader.changed.clear()
        finally:
            with self._lock:
                del self._readers[reader]

    def as_json(self) -> dict[str, Any]:
        """Describe the job."""
        error = event_json.failed(self.error).data if self.error else None
        shown = {name: getattr(self, name) for name in ("id", "what", "text", "made", "state", "pictures")}
        return shown | {"error": error and {name: error[name] for name in ("message", "hint", "code")}}

    def _send(self, message: Message) -> None:
        with self._lock:
            self._log.append(message)
            if message.name in SUPERSEDED and len(self._log) > 1 and self._log[-2].name == message.name:
                del self._log[-2]
            for reader in self._readers:
                reader.take(message)


class Reader:
    """A coroutine that follows a job."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.backlog: deque[Message] = deque()
        self.changed = asyncio.Event()
        self._loop = loop

    def take(self, message: Message) -> None:
        """Add a message, from any thread."""
        if len(self.backlog) > BACKLOG and message.name in SUPERSEDED:
            return
        self.backlog.append(message)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self.changed.set)
