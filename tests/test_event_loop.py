"""No request blocks the event loop: a real server reports every file, lock and database that is used on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import watched
from conftest import DEMO
from serving import Server
from websockets.sync.client import connect

WATCHED = (sys.executable, watched.__file__)
RECORDING = DEMO / "recordings" / "01.wav"
STREAM = {"Accept": "text/event-stream"}


def talk(server: Server, **fields: Any) -> str:
    """Send silence in a conversation and return the code that it fails with."""
    with connect(server.url.replace("http", "ws") + "/v1/talk") as page:
        page.send(json.dumps({"do": "listen", "steps": 1, **fields}))
        page.send(bytes(32_000))
        while (event := json.loads(page.recv(timeout=60)))["event"] not in ("done", "failed"):
            if event["event"] == "level":
                page.send(json.dumps({"do": "stop"}))
    return str(event.get("code"))


@pytest.fixture
def server(isolated: Path) -> Iterator[Server]:
    server = Server(command=WATCHED)
    yield server
    server.end()


def test_no_request_blocks_the_event_loop(server: Server) -> None:
    kept = server.paint(prompt="a tree").json()["pictures"][0]["id"]
    file = {"file": ("a.wav", RECORDING.read_bytes(), "audio/wav")}
    image = {"image": ("a.png", server.ask("GET", f"/v1/gallery/{kept}.png").content, "image/png")}
    words = {"prompt": "a tree", "steps": 2}
    requests: list[tuple[str, str, dict[str, Any]]] = [
        *(("GET", path, {}) for path in ("/", "/page/main.js", "/page/base.css", "/v1/status", "/v1/jobs")),
        *(("GET", path, {}) for path in ("/openapi.json", "/v1/models", "/v1/models/whisper-1", "/v1/gallery")),
        *(("GET", f"/v1/gallery/{kept}{rest}", {}) for rest in ("", ".png", ".png?bare=true&download=true")),
        ("POST", "/v1/pictures", {"json": words | {"refine": kept, "model": "demo"}}),
        ("POST", "/v1/pictures", {"json": {"repaint": kept}}),
        ("POST", "/v1/pictures", {"json": {"again": kept}, "headers": STREAM}),
        ("POST", "/v1/pictures", {"json": words, "headers": {"Accept": "image/png"}}),
        ("POST", "/v1/pictures", {"files": file, "data": {"steps": "2"}}),
        ("POST", "/v1/images/generations", {"json": words | {"model": "demo-picture"}}),
        ("POST", "/v1/images/edits", {"files": image, "data": {"prompt": "a tree", "steps": "2"}}),
        ("POST", "/v1/audio/transcriptions", {"files": file, "data": {"model": "demo-speech"}}),
        ("POST", "/v1/audio/transcriptions", {"files": file, "data": {"model": "whisper-1", "stream": "true"}}),
        ("DELETE", f"/v1/gallery/{kept}", {}),
        ("POST", f"/v1/gallery/{kept}/restore", {}),
    ]
    for method, path, how in requests:
        response = server.ask(method, path, **how)
        assert response.status_code == 200, f"{path}: {response.text}"
    refused: list[tuple[str, dict[str, Any]]] = [
        ("/v1/pictures", {"json": words | {"model": "unknown"}}),
        ("/v1/pictures", {"files": file, "data": {"steps": "0"}}),
        ("/v1/images/edits", {"files": {"image": file["file"]}, "data": {"prompt": "a tree"}}),
        ("/v1/audio/transcriptions", {"files": file, "data": {"model": "unknown"}}),
    ]
    for path, how in refused:
        assert 400 <= server.ask("POST", path, **how).status_code < 500, path
    for job in server.ask("GET", "/v1/jobs").json()["jobs"]:
        assert server.ask("DELETE", f"/v1/jobs/{job['id']}").status_code == 200
    assert talk(server, refine=kept, image=kept, model="demo") == "no_speech"
    status, complaints = server.end()
    if watched.MARK in complaints:
        pytest.fail(complaints)
    assert status == 0, complaints


@pytest.mark.parametrize("blocks", ["open('/dev/null').close()", "os.stat('/')"])
def test_what_blocks_a_loop_is_reported_and_a_thread_beside_it_is_not(blocks: str) -> None:
    code = f"""
import asyncio, os, watched
def block(): {blocks}
async def on_loop(): block()
async def in_thread(): await asyncio.to_thread(block)
watched.watch()
asyncio.run(in_thread())
print("in a thread: fine", flush=True)
asyncio.run(on_loop())
"""
    folder = Path(watched.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    before, _, after = done.stdout.partition("in a thread: fine")
    assert watched.MARK not in before
    assert watched.MARK in after
