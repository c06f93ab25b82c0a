"""A register of functions that each have a room of the program make one kind of error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import AudioToImageError

Provoke = Callable[[Path, pytest.MonkeyPatch], object]
PROVOKED: dict[tuple[str, str], Provoke] = {}  # by room and kind


def provokes(room: str, kind: type[AudioToImageError]) -> Callable[[Provoke], Provoke]:
    """Register a function that has a room make an error of a kind."""

    def register(provoke: Provoke) -> Provoke:
        PROVOKED[room, kind.__name__] = provoke
        return provoke

    return register


def raises(error: BaseException) -> Callable[..., object]:
    """Return a function that raises an error, whatever it is called with."""

    def raise_it(*_: object, **__: object) -> object:
        raise error

    return raise_it
