"""A hub on this machine, with faults: the listing, redirects, ranges and ETags that the real client asks for."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from orchestrator.catalogue import Licence, Model
from orchestrator.fetch import download
from orchestrator.settings import Settings

LARGE_BYTES = 2048  # from here on a file is "large": known by its SHA-256 and served from elsewhere
LARGE = random.Random(0).randbytes(200_000)
SMALL = b'{"small": true}'
FILES = {"on/unet.onnx": LARGE, "on/model.json": SMALL, "README.md": b"# not wanted"}
MODEL = Model(
    name="boat",
    kind="picture",
    repository="harbour/boat",
    files=("on/*",),
    licence=Licence(name="mit", link="https://example.org", restricts="nothing"),
)


def contents(settings: Settings, name: str = "boat") -> dict[str, bytes]:
    folder = settings.models / name
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def commit_of(files: dict[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()


def blob_of(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass
class Hub:
    """Repositories, and what goes wrong with them."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    short_names: bool = True  # commits are also known by their beginning
    gated: bool = False
    token: str = ""  # asked for where set
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # for the next files asked for
    listing_statuses: list[int] = field(default_factory=list)  # for the next listings
    page: bytes = b""  # what a listing is answered with instead
    silence: float = 0.0  # seconds before the first byte of a file
    cuts: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    served: dict[str, bytes] = field(default_factory=dict)  # other bytes than those listed, by path
    ranges: bool = True
    hold_after: int | None = None  # bytes of a large file after which the hub waits for `go`
    go: threading.Event = field(default_factory=threading.Event)
    block_pause: float = 0.0  # seconds between blocks of 4 kB
    asked: list[str] = field(default_factory=list)  # files asked for, with the byte they begin at
    tokens_elsewhere: list[str | None] = field(default_factory=list)  # what came with what was served from elsewhere
    url: str = ""
    elsewhere: str = ""

    def listing(self, repository: str, revision: str) -> dict[str, Any] | None:
        files = self.repositories.get(repository)
        if files is None:
            return None
        commit = commit_of(files)
        if revision != "main" and not (commit == revision or (self.short_names and commit.startswith(revision))):
            return {}
        return {"id": repository, "sha": commit, "siblings": [described(*item) for item in files.items()]}


def described(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": blob_of(content)}
    if len(content) >= LARGE_BYTES:
        entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry


@contextmanager
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Run a hub with one repository until the end of the test; the client finds it, and does not wait long."""
    hub = Hub(repositories={"harbour/boat": dict(FILES)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *arguments: Answer(hub, *arguments))
    server.daemon_threads = True
    hub.url, hub.elsewhere = (f"http://{name}:{server.server_port}" for name in ("127.0.0.1", "localhost"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr(download, "PAUSES", (0.0,))
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Answer(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def __init__(self, hub: Hub, *arguments: Any) -> None:
        self.hub = hub
        super().__init__(*arguments)

    def do_GET(self) -> None:
        with suppress(ConnectionError):
            self.answer()

    def answer(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}" and parts[0] != "cdn":
            code = "GatedRepo" if self.hub.gated else "RepoNotFound"
            self.plain(403 if self.hub.gated else 401, {"X-Error-Code": code})
        elif parts[:2] == ["api", "models"]:
            self.list_files("/".join(parts[2:4]), parts[5])
        elif parts[0] == "cdn":
            self.hub.tokens_elsewhere.append(self.headers.get("Authorization"))
            self.send_file("/".join(parts[1:3]), "/".join(parts[3:]))
        else:
            self.resolve("/".join(parts[:2]), "/".join(parts[4:]))

    def list_files(self, repository: str, revision: str) -> None:
        found = self.hub.listing(repository, revision)
        if self.hub.listing_statuses:
            self.plain(self.hub.listing_statuses.pop(0), {})
        elif not found:
            self.plain(404, {"X-Error-Code": "RepoNotFound" if found is None else "RevisionNotFound"})
        else:
            self.plain(200, {"Content-Type": "application/json"}, self.hub.page or json.dumps(found).encode())

    def resolve(self, repository: str, path: str) -> None:
        content = self.hub.repositories.get(repository, {}).get(path)
        if content is None:
            self.plain(404, {"X-Error-Code": "EntryNotFound"})
        elif len(content) >= LARGE_BYTES:
            self.plain(302, {"Location": f"{self.hub.elsewhere}/cdn/{repository}/{path}"})
        else:
            self.send_file(repository, path)

    def send_file(self, repository: str, path: str) -> None:
        content = self.hub.served.get(path, self.hub.repositories[repository][path])
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-")) if self.hub.ranges else 0
        self.hub.asked.append(f"{path}@{start}")
        if self.hub.statuses:
            status, headers = self.hub.statuses.pop(0)
            self.plain(status, headers)
            return
        if start >= len(content) > 0:
            self.plain(416, {})
            return
        rest = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.end_headers()
        self.write(rest)

    def write(self, content: bytes) -> None:
        time.sleep(self.hub.silence)
        cut = self.hub.cuts.pop(0) if self.hub.cuts else len(content)
        for begin in range(0, min(cut, len(content)), 4096):
            if self.hub.hold_after is not None and begin >= self.hub.hold_after:
                self.hub.go.wait(60)
            self.wfile.write(content[begin : min(begin + 4096, cut)])
            time.sleep(self.hub.block_pause)
        if cut < len(content):
            self.close_connection = True

    def plain(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
