"""Slow and broken clients over real sockets: none blocks the server, and the next request is served."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
import threading
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from packaging.requirements import Requirement
from starlette.applications import Starlette
from test_guard import small
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from orchestrator.studio.guard import Rules, guarded
from orchestrator.studio.guard.timeouts import TimeoutHTTP, TimeoutWebSocket


class Hasty(TimeoutHTTP):
    head_seconds = 0.4
    rest_seconds = 0.3
    send_seconds = 0.5


class HastySocket(TimeoutWebSocket):
    send_seconds = 0.5


@dataclass
class Served:
    app: Starlette
    port: int
    server: uvicorn.Server

    def has_connections(self) -> bool:
        return bool(self.server.server_state.connections)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def say(self, head: str, body: bytes = b"", until: bytes = b"") -> bytes:
        """Send a request as it stands, and read until the server closes."""
        with self.connect() as line:
            with contextlib.suppress(ConnectionError):
                line.sendall(f"{head}\r\nHost: localhost\r\n\r\n".encode() + body)
            return rest(line, until)

    def serves(self) -> bool:
        return self.say("GET / HTTP/1.1\r\nConnection: close").endswith(b"page")


def rest(line: socket.socket, until: bytes = b"") -> bytes:
    """Read until the server closes, or until some bytes have arrived."""
    read = b""
    with contextlib.suppress(ConnectionResetError):
        while not (until and until in read) and (data := line.recv(1 << 16)):
            read += data
    return read


def drip(lines: list[socket.socket], drop: bytes) -> int:
    """Send a little at a time until the server closes a connection; return how often it was sent."""
    for number in range(2_000):
        try:
            for line in lines:
                line.sendall(drop)
        except OSError:
            return number
        time.sleep(0.03)
    pytest.fail("the server does not close the connection")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    app = small()
    guard = guarded(app, Rules(words_bytes=1000, upload_bytes=100_000, body_seconds=0.5))
    config = uvicorn.Config(
        guard, http=Hasty, ws=HastySocket, log_level="critical", lifespan="off", timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # what is not read stays in asyncio's buffer
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Served(app, listener.getsockname()[1], server)
    server.should_exit = True
    thread.join()


def test_a_head_that_arrives_byte_by_byte_is_cut(served: Served) -> None:
    lines = [served.connect() for _ in range(20)]
    assert drip(lines, b"X") > 0, "cut at once"
    for line in lines:
        line.close()
    assert served.serves()


def test_a_second_request_byte_by_byte_is_cut_too(served: Served) -> None:
    with served.connect() as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert rest(line, until=b"page").endswith(b"page")
        drip([line], b"G")


def test_a_silent_connection_is_closed(served: Served) -> None:
    with served.connect() as line:
        assert rest(line) == b""


@pytest.mark.parametrize("path", ["/count", "/"])
def test_a_body_without_end_is_cut(served: Served, path: str) -> None:
    with served.connect() as line:
        line.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        drip([line], b"7d0\r\n" + bytes(2_000) + b"\r\n")
        answer = rest(line)
    assert answer.startswith(b"HTTP/1.1 413" if path == "/count" else b"HTTP/1.1 200")
    assert served.serves()


def test_a_slow_body_is_answered_with_408(served: Served) -> None:
    answer = served.say("POST /count HTTP/1.1\r\nContent-Length: 10", b"123")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"too_slow"' in answer
    assert served.serves()


def test_a_client_that_sends_far_too_much_reads_why_it_is_refused(served: Served) -> None:
    answer = served.say("POST /count HTTP/1.1\r\nContent-Length: 3000000", bytes(3_000_000))
    assert answer.startswith(b"HTTP/1.1 413")


NOT_HTTP = (
    *("nonsense", "GET / HTTP/x", "GET /\u00e4 HTTP/1.1", "\x16\x03\x01\x02", "GET / HTTP/1.1\r\n a: b"),
    *("GET / HTTP/1.1\r\nContent-Length: -1", "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2"),
    "GET / HTTP/1.1\r\nX: " + "a" * 400_000,
)


@pytest.mark.parametrize("request_", NOT_HTTP, ids=range(len(NOT_HTTP)))
def test_bytes_that_are_not_http_are_refused(served: Served, request_: str) -> None:
    assert served.say(request_).startswith(b"HTTP/1.1 400")
    assert served.serves()


def test_a_broken_chunk_in_the_middle_is_refused(served: Served) -> None:
    answer = served.say("POST /count HTTP/1.1\r\nTransfer-Encoding: chunked", b"5\r\nabcde\r\nxyz\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert served.serves()


KEY = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="
UPGRADE = f"GET /talk HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{KEY}"


@pytest.mark.parametrize(
    "request_", ["GET /flood HTTP/1.1", UPGRADE.replace("/talk", "/torrent")], ids=["http", "websocket"]
)
def test_a_client_that_does_not_read_keeps_no_connection(served: Served, request_: str) -> None:
    with served.connect() as line:
        line.sendall(f"{request_}\r\nHost: localhost\r\n\r\n".encode())
        assert line.recv(100).startswith((b"HTTP/1.1 200", b"HTTP/1.1 101"))
        while served.app.state.flooding:
            time.sleep(0.05)
    assert served.serves()


def test_a_client_that_leaves_the_end_of_a_closed_connection_unread_is_cut(served: Served) -> None:
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", served.port))
        line.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert line.recv(12) == b"HTTP/1.1 200"
        until = time.monotonic() + 5
        while served.has_connections() and time.monotonic() < until:
            time.sleep(0.05)
        assert not served.has_connections()
    assert served.serves()


def test_a_websocket_opens_only_for_this_server_s_page(served: Served) -> None:
    assert served.say(f"{UPGRADE}\r\nOrigin: http://localhost", until=b"hello").startswith(b"HTTP/1.1 101")
    refused = served.say(f"{UPGRADE}\r\nOrigin: http://evil.example")
    assert refused.startswith(b"HTTP/1.1 403")
    assert b'"wrong_origin"' in refused
    assert served.serves()


def test_a_broken_handshake_is_refused(served: Served) -> None:
    assert served.say("GET /talk HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade").startswith(b"HTTP/1.1 4")
    assert served.say(f"{UPGRADE}\r\nX: {'a' * 10_000}") == b""
    assert served.serves()


def test_uvicorn_has_the_private_names_that_the_timeouts_use() -> None:
    """A new version of uvicorn that fails here needs a look at timeouts.py before the range in pyproject.toml grows."""
    config = uvicorn.Config(small(), http=TimeoutHTTP, ws=TimeoutWebSocket, lifespan="off")
    config.load()

    async def names(protocol: Any) -> set[str]:
        return set(dir(protocol(config=config, server_state=ServerState(), app_state={})))

    http = {"loop", "conn", "cycle", "transport", "timeout_keep_alive_task", "send_400_response"}
    http |= {"on_response_complete", "timeout_keep_alive_handler", "pause_writing", "resume_writing"}
    assert http <= asyncio.run(names(H11Protocol))
    websocket = {"loop", "transport", "handshake_initiated", "handshake_complete", "send"}
    assert websocket <= asyncio.run(names(WebSocketsSansIOProtocol))
    assert "self.response_complete" in inspect.getsource(RequestResponseCycle)


@pytest.mark.parametrize("name", ["uvicorn", "h11"])
def test_the_versions_that_the_timeouts_rely_on_are_pinned(name: str) -> None:
    pyproject = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    (pinned,) = [each for each in map(Requirement, pyproject["project"]["dependencies"]) if each.name == name]
    assert "<" in str(pinned.specifier)
    assert version(name) in pinned.specifier
