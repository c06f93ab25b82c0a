"""Events as clients read them: one JSON object each, over a WebSocket or as server-sent events."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator import events
from orchestrator.errors import AudioToImageError
from orchestrator.events import Event
from orchestrator.picture import to_png
from orchestrator.studio.problems import status_and_code

SUPERSEDED = {"level", "painted", "drafted", "queued", "working"}  # of each, only the latest matters
LAST = {"done", "failed"}


@dataclass(frozen=True, kw_only=True)
class Accepted(Event):
    """A job was accepted."""

    job: str


@dataclass(frozen=True, kw_only=True)
class Queued(Event):
    """How many jobs come first."""

    position: int


@dataclass(frozen=True, kw_only=True)
class Confirm(Event):
    """Ask whether these are the words to paint."""

    prompt: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """An event as a client reads it."""

    name: str
    data: Mapping[str, Any]

    def to_json(self) -> str:
        return json.dumps(self.data, ensure_ascii=False)

    def to_sse(self) -> str:
        """Write it as a server-sent event."""
        return f"event: {self.name}\ndata: {self.to_json()}\n\n"


def message(event: Event) -> Message:
    """Make the message of an event: without paths, with small pictures as previews."""
    data = json.loads(event.to_json())
    match event:
        case events.Painted() | events.Drafted():
            small = base64.b64encode(to_png(event.preview(), None)).decode()
            data["preview"] = f"data:image/png;base64,{small}"
        case events.Kept():
            data = {"event": "kept", "picture": picture(event)}
        case events.Opened() | events.Recorded():
            del data["path"]
    return Message(name=data["event"], data=data)


def done(pictures: list[dict[str, Any]]) -> Message:
    """Make the last message of a job that succeeded."""
    return Message(name="done", data={"event": "done", "pictures": pictures})


def failed(error: AudioToImageError) -> Message:
    """Make the last message of a job that failed."""
    _, code = status_and_code(error)
    return Message(name="failed", data={"event": "failed", "message": str(error), "hint": error.hint, "code": code})


def picture(kept: events.Kept) -> dict[str, Any]:
    """Describe a picture: its recipe and its address."""
    return asdict(kept.recipe) | {"id": kept.id, "url": f"/v1/gallery/{kept.id}.png"}
