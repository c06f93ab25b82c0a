"""What travels between an engine and whoever asks it: small values, pickled, over a pipe or a socket of our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import AudioToImageError
from orchestrator.settings import Settings


class Died(AudioToImageError):
    """The process that held an engine is gone."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How an engine is made: `room:function` and what it is called with."""

    name: str  # for messages: "speech", "picture"
    path: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A method to call, or an attribute to look at."""

    method: str
    arguments: tuple[Any, ...] = ()


class Stop:
    """Tells an engine to stop the stream it is in."""


@dataclass(frozen=True, kw_only=True)
class Press:
    """A press from where there is no terminal: `serve` is to listen with its own microphone, or to stop listening."""

    settings: Settings


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One value; `more` while others follow."""

    value: Any = None
    error: AudioToImageError | None = None
    more: bool = False
