"""Arbitrary HTTP request bodies cause at most one clear error."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repetitions import repetitions

from orchestrator.events import Event
from orchestrator.line.engines import Line
from orchestrator.settings import Settings
from orchestrator.studio.app import app
from orchestrator.studio.fields import HEARING, PAINTING
from orchestrator.studio.guard import rules_for
from orchestrator.studio.job import Job
from orchestrator.studio.jobs import Jobs
from orchestrator.studio.microphone import Microphone
from orchestrator.studio.pictures import WAYS

PATHS = (
    "/v1/pictures", "/v1/images/generations", "/v1/images/edits", "/v1/audio/transcriptions", "/v1/audio/translations",
)  # fmt: skip
NAMES = (*WAYS, *PAINTING, *HEARING, "n", "size", "response_format", "stream", "mask", "image[]", "x")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
nearly = st.fixed_dictionaries(
    {"prompt": st.text(min_size=1, max_size=9)},
    optional={"steps": values, "model": values, "size": values, "refine": values, "sampler": values},
)
fields = nearly | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), values, max_size=5)
parts = st.lists(st.tuples(st.sampled_from(NAMES), st.none() | st.text(max_size=9), st.binary(max_size=60)), max_size=4)
kinds = st.sampled_from(
    [
        "application/json",
        "multipart/form-data; boundary=b",
        "multipart/form-data",
        "text/plain",
        "",
        "application/json;x",
    ]
)
cut = st.integers(0, 1000)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[httpx2.AsyncClient]:
    """Return a client of a studio whose queue is full, so that even valid requests are refused."""
    preferences = Settings(data=tmp_path, queue=1)
    jobs, enough = Jobs(preferences), threading.Event()

    def waits(_: Line) -> Iterator[Event]:
        enough.wait()
        yield from ()

    job = jobs.start(Job(what="picture"), waits, preferences, written=False)
    studio = app(jobs, {}, Microphone(), rules_for("127.0.0.1"))
    yield httpx2.AsyncClient(transport=httpx2.ASGITransport(studio), base_url="http://127.0.0.1:8765")
    enough.set()
    job.wait(10)


def form(sent: list[tuple[str, str | None, bytes]]) -> bytes:
    """Encode a multipart form; a part with a file name is a file."""
    body = b""
    for name, file, content in sent:
        called = f'; filename="{file}"' if file is not None else ""
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"{called}\r\n\r\n'
        body += head.encode(errors="replace") + content + b"\r\n"
    return body + b"--b--\r\n"


bodies = (
    st.binary(max_size=200)
    | fields.map(lambda table: json.dumps(table).encode())
    | parts.map(form)
    | st.tuples(parts.map(form), cut).map(lambda pair: pair[0][: pair[1]])
)


# The files of a refused form are closed only when the request is garbage-collected.
@pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning")
def test_an_arbitrary_body_causes_at_most_a_clear_error(full: httpx2.AsyncClient, record_property: Callable) -> None:
    statuses: dict[int, int] = {}
    with asyncio.Runner() as runner:

        @settings(
            deadline=None, database=None, suppress_health_check=list(HealthCheck), max_examples=repetitions(100, 10_000)
        )
        @given(st.sampled_from(PATHS), kinds, bodies)
        def check(path: str, kind: str, body: bytes) -> None:
            response = runner.run(full.post(path, content=body, headers={"Content-Type": kind}))
            statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
            assert 400 <= response.status_code < 500, response.text
            assert response.json()["error"]["message"]

        check()
    record_property("seen", f"{sum(statuses.values()):,} bodies: {dict(sorted(statuses.items()))}")
