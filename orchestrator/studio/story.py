"""What the studio tells beside the line's own events, and how a page reads all of them: one JSON object each."""

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
from orchestrator.studio.answers import status_and_code

FLEETING = {"level", "painted", "drafted", "queued", "working"}  # the next one says it better


@dataclass(frozen=True, kw_only=True)
class Accepted(Event):
    """A job is taken on."""

    job: str


@dataclass(frozen=True, kw_only=True)
class Queued(Event):
    """So many jobs come first."""

    position: int


@dataclass(frozen=True, kw_only=True)
class Confirm(Event):
    """Are these the words to paint?"""

    prompt: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """An event as a page reads it."""

    name: str
    data: Mapping[str, Any]

    def to_json(self) -> str:
        return json.dumps(self.data, ensure_ascii=False)

    def to_sse(self) -> str:
        """Write it as a server-sent event."""
        return f"event: {self.name}\ndata: {self.to_json()}\n\n"


def told(event: Event) -> Told:
    """Tell an event to a page: what only a program can use is left out, previews become small pictures."""
    data = json.loads(event.to_json())
    match event:
        case events.Painted() | events.Drafted():
            small = base64.b64encode(to_png(event.preview(), None)).decode()
            data["preview"] = f"data:image/png;base64,{small}"
        case events.Kept():
            data = {"event": "kept", "picture": picture(event)}
        case events.Opened() | events.Recorded():
            del data["path"]
    return Told(name=data["event"], data=data)


def done(pictures: list[dict[str, Any]]) -> Told:
    """Tell that a job has ended well."""
    return Told(name="done", data={"event": "done", "pictures": pictures})


def failed(error: AudioToImageError) -> Told:
    """Tell what a job failed of."""
    _, code = status_and_code(error)
    return Told(name="failed", data={"event": "failed", "message": str(error), "hint": error.hint, "code": code})


def picture(kept: events.Kept) -> dict[str, Any]:
    """Describe a picture: its recipe and its address."""
    return asdict(kept.recipe) | {"id": kept.id, "url": f"/v1/gallery/{kept.id}.png"}
