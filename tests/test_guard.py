"""Who may send requests, and how large: a small app behind the guard, in process and over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from orchestrator.errors import AudioToImageError, Cancelled, Misuse, ModelMissing, NoSpeech
from orchestrator.studio.guard import Rules, guarded, rules_for
from orchestrator.studio.problems import HANDLERS, response

pytestmark = pytest.mark.quick

CHUNK = bytes(1 << 16)


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("page")


async def large(request: Request) -> PlainTextResponse:
    return PlainTextResponse("x" * 40_000)


async def count(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def flood(request: Request) -> StreamingResponse:
    async def chunks():
        try:
            while True:
                yield CHUNK
                await asyncio.sleep(0)
        finally:
            request.app.state.flooding = False

    request.app.state.flooding = True
    return StreamingResponse(chunks())


async def form(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.form())))


async def silent(request: Request) -> PlainTextResponse:
    raise NoSpeech("silence", "speak up")


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


async def torrent(websocket: WebSocket) -> None:
    websocket.app.state.flooding = True
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.send_bytes(CHUNK)
    websocket.app.state.flooding = False


def small() -> Starlette:
    routes = [
        Route("/", page, methods=["GET", "POST"]),
        Route("/large", large),
        Route("/count", count, methods=["POST"]),
        Route("/form", form, methods=["POST"]),
        Route("/flood", flood),
        Route("/silent", silent),
        WebSocketRoute("/talk", talk),
        WebSocketRoute("/torrent", torrent),
    ]
    return Starlette(routes=routes, exception_handlers=HANDLERS)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        error = json.loads(self.body)["error"]
        assert error.keys() == {"message", "type", "param", "code", "hint"}
        return error["code"]


def ask(
    rules: Rules, path: str = "/", method: str = "GET", body: bytes = b"", kind: str = "http", **headers: str
) -> Answer:
    """Send one request through the guard, without a network."""
    sent: list[Message] = []
    told = [
        {"type": "http.request", "body": body, "more_body": False} if kind == "http" else {"type": "websocket.connect"}
    ]
    headers = {"host": "localhost:8765"} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in headers.items() if value]
    path, _, query = path.partition("?")
    scope = {
        "type": kind,
        "scheme": kind.replace("websocket", "ws"),
        "path": path,
        "query_string": query.encode(),
        "headers": raw,
    }
    scope |= dict[str, Any](
        {"method": method} if kind == "http" else {"extensions": {"websocket.http.response": {}}, "subprotocols": []}
    )

    async def receive() -> Message:
        return told.pop() if told else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def serve() -> None:
        await guarded(small(), rules)(scope, receive, send)

    asyncio.run(serve())
    if sent[0]["type"] == "websocket.accept":
        return Answer(101, {}, b"")
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], answered, b"".join(each["body"] for each in sent[1:]))


HERE = rules_for("127.0.0.1")
ABROAD = rules_for("0.0.0.0", "Schlüssel")  # noqa: S104


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "LocalHost:9", "127.0.0.1:8765", "[::1]:8765"])
def test_this_machine_is_served_on_any_port(host: str) -> None:
    assert ask(HERE, host=host).body == b"page"


NOT_OURS = (
    *("", "evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1.nip.io", "localhost@evil.example"),
    *("0.0.0.0:8765", "192.168.0.4", "localhost:8765:80", "localhost:", "[::1", "[::2]", "localhost.", "localhost\x00"),
)


@pytest.mark.parametrize("host", NOT_OURS)
def test_a_name_that_is_not_this_machines_is_refused(host: str) -> None:
    answer = ask(HERE, host=host)
    assert (answer.status, answer.code) == (403, "wrong_host")


def test_beyond_this_machine_it_is_called_by_its_addresses_and_names() -> None:
    rules = rules_for("studio.lan", "secret")
    for host in ("192.168.0.4:8765", "[fe80::1]:8765", "studio.lan", "localhost:8765", socket.gethostname()):
        assert ask(rules, host=host, authorization="Bearer secret").status == 200, host
    assert ask(rules, host="evil.example", authorization="Bearer secret").code == "wrong_host"


def test_beyond_this_machine_there_is_no_serving_without_a_token() -> None:
    with pytest.raises(Misuse, match="token"):
        rules_for("192.168.0.4")
    for host in ("127.0.0.1", "::1", "localhost"):
        assert not rules_for(host).addresses


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "https://localhost:8765",
        "http://localhost:3000",
        "http://localhost:8765.evil.example",
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "kind"), [("POST", "/count", "http"), ("GET", "/", "http"), ("GET", "/talk", "websocket")]
)
def test_another_sites_page_is_refused(origin: str, method: str, path: str, kind: str) -> None:
    answer = ask(HERE, path, method, kind=kind, origin=origin)
    assert (answer.status, answer.code) == (403, "wrong_origin")


def test_the_page_is_also_served_through_a_tunnel() -> None:
    for port in ("8765", "9999"):
        own: dict[str, Any] = {
            "host": f"localhost:{port}",
            "origin": f"http://localhost:{port}",
            "sec-fetch-site": "same-origin",
        }
        assert ask(HERE, "/count", "POST", b"abc", **own).body == b"3"
        assert ask(HERE, "/talk", kind="websocket", **own).status == 101


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_another_site_may_link_to_the_page_and_nothing_else(site: str) -> None:
    link: dict[str, Any] = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert ask(HERE, **link).body == b"page"
    for path, method, kind, other in (
        ("/flood", "GET", "http", {}),
        ("/", "POST", "http", {}),
        ("/", "GET", "http", {"sec-fetch-dest": "iframe"}),
        ("/", "GET", "http", {"sec-fetch-mode": "no-cors"}),
        ("/talk", "GET", "websocket", {}),
    ):
        assert ask(HERE, path, method, kind=kind, **(link | other)).code == "wrong_site"


def test_without_the_token_nothing_is_served() -> None:
    for path, kind in (
        ("/", "http"),
        ("/nowhere", "http"),
        ("/talk", "websocket"),
        ("/?token=", "http"),
        ("/?token=wrong", "http"),
    ):
        answer = ask(ABROAD, path, kind=kind)
        assert (answer.status, answer.code, answer.headers["www-authenticate"]) == (401, "wrong_token", "Bearer"), path
    for value in ("Bearer wrong", "Bearer", "", "Basic Schlüssel", "Bearer Schlüssel2", "Schlüssel"):
        assert ask(ABROAD, authorization=value).status == 401, value
    assert ask(ABROAD, "/count?token=Schl%C3%BCssel", "POST").status == 401


def test_a_program_sends_the_token_and_is_served() -> None:
    assert ask(ABROAD, authorization="Bearer Schlüssel").body == b"page"
    assert ask(ABROAD, "/talk", kind="websocket", authorization="bearer Schlüssel").status == 101


def test_the_first_visit_leaves_a_cookie_and_no_token_in_the_address() -> None:
    answer = ask(ABROAD, "/?a=1&token=Schl%C3%BCssel&b=%26")
    assert answer.status == 303
    assert answer.headers["location"] == "/?a=1&b=%26"
    cookie, *traits = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=strict"} <= set(traits)
    assert "Schl" not in cookie
    assert ask(ABROAD, cookie=cookie).body == b"page"
    assert ask(ABROAD, "/talk", kind="websocket", cookie=cookie).status == 101
    assert ask(ABROAD, cookie=cookie[:-1] + "x").status == 401
    assert ask(rules_for("0.0.0.0", "another"), cookie=cookie).status == 401  # noqa: S104


@given(st.binary(max_size=40))
def test_no_token_however_written_is_let_in_or_breaks_anything(given: bytes) -> None:
    text = given.decode("latin-1")
    for answer in (ask(ABROAD, authorization=f"Bearer {text}"), ask(ABROAD, cookie=f"audio-to-image-8765={text}")):
        assert answer.status == 401


def test_a_body_whose_length_is_too_large_is_refused_at_once() -> None:
    rules = Rules(words_bytes=100, upload_bytes=200)
    answer = ask(rules, "/count", "POST", content_length="101")
    assert (answer.status, answer.code) == (413, "too_large")
    many: dict[str, Any] = {"content_type": "multipart/form-data; boundary=x"}
    assert ask(rules, "/count", "POST", bytes(150), content_length="150", **many).body == b"150"
    assert ask(rules, "/count", "POST", content_length="201", **many).status == 413


def test_a_body_without_a_length_is_counted() -> None:
    assert ask(Rules(words_bytes=100), "/count", "POST", bytes(100)).body == b"100"
    answer = ask(Rules(words_bytes=100), "/count", "POST", bytes(101))
    assert (answer.status, answer.code) == (413, "too_large")


def test_every_response_has_the_security_headers() -> None:
    for answer in (
        ask(HERE),
        ask(HERE, "/nowhere"),
        ask(HERE, host="evil.example"),
        ask(ABROAD, "/talk", kind="websocket"),
    ):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert not {"*", "unsafe"} & set(policy.replace("-", " ").split())
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "microphone=(self)" in answer.headers["permissions-policy"]


def test_errors_of_starlette_have_the_form_of_all_others() -> None:
    assert ask(HERE, "/nowhere").code == "not_found"
    wrong = ask(HERE, "/count")
    assert (wrong.status, wrong.code, wrong.headers["allow"]) == (405, "method_not_allowed", "POST")
    for boundary in ("", "; boundary=x"):
        malformed = ask(HERE, "/form", "POST", b"--y\r\nnonsense", content_type=f"multipart/form-data{boundary}")
        assert (malformed.status, malformed.code) == (400, "bad_request")
    assert ask(HERE, "/silent").code == "no_speech"


ERRORS = (
    (NoSpeech, 422, "no_speech"),
    (Misuse, 400, "misuse"),
    (ModelMissing, 404, "model_missing"),
    (Cancelled, 499, "cancelled"),
    (AudioToImageError, 500, "failed"),
)


@pytest.mark.parametrize(("error", "status", "code"), ERRORS)
def test_each_error_of_ours_has_its_status_and_keeps_its_hint(
    error: type[AudioToImageError], status: int, code: str
) -> None:
    answer = response(error("what \ud800 failed", "what repairs it"))
    body = json.loads(bytes(answer.body))["error"]
    assert (answer.status_code, body["code"], body["hint"]) == (status, code, "what repairs it")
