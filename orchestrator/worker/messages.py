"""What travels between an engine and its client: small values, pickled, over a pipe or a private socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import AudioToImageError
from orchestrator.settings import Settings

PROTOCOL = 2  # raise it when anything that travels changes its fields: tests/test_worker.py notices


class Died(AudioToImageError):
    """The process that held an engine is gone."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How to make an engine: `package.module:function`, and its arguments. The first message on a connection."""

    role: str  # "speech", "picture", ...
    path: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A method of the engine to call."""

    number: int  # from 1, rising; its answers carry the same
    method: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Stop the call with this number."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Press:
    """A press of a key where there is no terminal: `serve` starts listening with its own microphone, or stops."""

    settings: Settings


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One value of a call; `more` while others follow. Number 0 answers the Opening, with the engine's facts."""

    number: int = 0
    value: Any = None
    error: AudioToImageError | None = None
    more: bool = False
