"""What the verbs that paint share: where their pictures go, and what they print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator.errors import Misuse
from orchestrator.events import Event, Kept

if TYPE_CHECKING:
    from orchestrator.line.destination import Destination
    from orchestrator.settings import Settings


def destination(chosen: Settings, *, force: bool, as_json: bool, recordings: int | None = 1) -> Destination:
    """Return where the pictures go, checked; see `make_destination`."""
    from orchestrator.line.destination import STDOUT, make_destination

    if as_json and chosen.output == STDOUT:
        raise Misuse("--json and --output - both write to standard output", "leave --json out")
    return make_destination(chosen, force=force, recordings=recordings)


def show(stream: Iterator[Event], destination: Destination, *, as_json: bool, timings: bool) -> int:
    """Show events, print the path of each picture unless the picture itself goes to stdout; return the exit code."""
    from orchestrator import terminal

    def path(event: Event) -> str | None:
        return str(event.path) if isinstance(event, Kept) and not destination.stdout else None

    return terminal.show(stream, path, as_json=as_json, timings=timings)
