"""Many clients at once, while engines and the server are killed: nothing is lost, and nothing is half there."""

from __future__ import annotations

import asyncio
from pathlib import Path

from load import Load

from orchestrator.gallery import Gallery
from orchestrator.picture import read_png

REQUESTS = 500


def test_many_clients_lose_nothing_while_engines_and_server_are_killed(isolated: Path) -> None:
    report = asyncio.run(Load(requests=REQUESTS, paintings=20, clients=50).run())
    assert not [status for status in report.statuses if status >= 500], report.statuses
    answered = sum(count for status, count in report.statuses.items() if status != 429)
    assert answered + report.dropped == REQUESTS
    assert report.ends["done"]
    assert not report.unknown
    for name in ("memory", "files", "threads"):
        first, last, _ = report.grown(name)
        assert last < 2 * first, f"{name}: {first} at first, {last} at last"  # an engine may still have been on its way
    folder = isolated / "data" / "gallery"
    kept = {each.path for each in Gallery(folder).list()}
    assert kept == set(folder.glob("*.png"))
    assert all(read_png(path) for path in kept)
    assert not list(folder.glob(".*.part"))
    assert len(kept) >= report.ends["done"]
