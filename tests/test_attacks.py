"""Attacks on a real server by pages, programs and files: each is refused, and the next request is served."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
from conftest import DEMO
from serving import Server
from test_openai import RECORDING, data
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

__all__ = ["data"]  # a fixture

MOST_UPLOAD = 2_000_000  # bytes
SECRET = "geheim, geheim"  # noqa: S105
ANYWHERE = "0.0.0.0"  # noqa: S104
EVIL = {"Origin": "http://evil.example"}


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIO_TO_IMAGE_DATA", str(data))
        patch.setenv("AUDIO_TO_IMAGE_MOST_UPLOAD", str(MOST_UPLOAD))
        server = Server()
    yield server
    status, complaints = server.end()
    assert (status, "Traceback" in complaints, "ERROR" in complaints) == (0, False, False), complaints


@pytest.fixture
def attacked(server: Server) -> Iterator[Server]:
    """Return the server; after the test it must still serve the next request."""
    yield server
    assert server.ask("GET", "/v1/status").status_code == 200


def refused(response: httpx2.Response, status: int, code: str = "") -> None:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["message"]
    assert code in ("", error["code"])


def wire(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=60)


def say(server: Server, head: str, body: bytes = b"") -> bytes:
    """Send a request that no honest client would, and read the answer's beginning."""
    with wire(server) as line:
        with contextlib.suppress(ConnectionError):
            line.sendall(f"{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode() + body)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := line.recv(1 << 16):
                answer += part
        return answer


PATHS = (
    *(("POST", f"/v1/{path}") for path in ("pictures", "images/generations", "images/edits", "audio/transcriptions")),
    *(("GET", f"/v1/{path}") for path in ("status", "jobs", "gallery", "models")),
    ("DELETE", "/v1/jobs/x"),
    ("DELETE", "/v1/gallery/x"),
    ("GET", "/openapi.json"),
    ("GET", "/"),
)


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_page_of_another_origin_reaches_nothing(attacked: Server, method: str, path: str) -> None:
    for origin in ("http://evil.example", "null", attacked.url.replace("127.0.0.1", "localhost"), "http://127.0.0.1"):
        refused(attacked.ask(method, path, headers={"Origin": origin}), 403, "wrong_origin")
    refused(attacked.ask(method, path, headers={"Sec-Fetch-Site": "cross-site"}), 403, "wrong_site")
    for name in ("evil.example", f"127.0.0.1.evil.example:{attacked.url.rpartition(':')[2]}", ANYWHERE):
        refused(attacked.ask(method, path, headers={"Host": name}), 403, "wrong_host")


def test_a_form_on_another_page_cannot_paint(attacked: Server) -> None:
    before = attacked.ask("GET", "/v1/jobs").json()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        response = attacked.ask(
            "POST", "/v1/pictures", content=b'{"prompt": "x"}', headers=EVIL | {"Content-Type": kind}
        )
        refused(response, 403)
    refused(attacked.ask("OPTIONS", "/v1/pictures", headers=EVIL | {"Access-Control-Request-Method": "POST"}), 403)
    assert attacked.ask("GET", "/v1/jobs").json() == before
    assert "access-control-allow-origin" not in attacked.ask("GET", "/v1/status").headers


def test_a_websocket_from_another_origin_is_refused(attacked: Server) -> None:
    address = attacked.url.replace("http", "ws") + "/v1/talk"
    for how in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"additional_headers": {"Sec-Fetch-Site": "cross-site"}},
    ):
        with pytest.raises(InvalidStatus) as error, connect(address, **how):
            pass
        assert error.value.response.status_code == 403
    with connect(address, origin=Origin(attacked.url)) as own:
        own.send('{"do": "nonsense"}')
        assert json.loads(own.recv(timeout=60))["code"] == "misuse"


NONSENSE = (
    *(
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"do": {"do": "listen"}}',
        '{"do": "\\ud800"}',
        '{"do": "listen", "steps": "\\ud800"}',
    ),
    *('{"do": "listen", "refine": "../x"}', '{"do": "listen", "output": "/tmp/x"}', '{"do": "listen", "steps": [1]}'),
)


@pytest.mark.parametrize("message", NONSENSE, ids=range(len(NONSENSE)))
def test_malformed_websocket_messages_get_an_error_and_the_conversation_continues(
    attacked: Server, message: str
) -> None:
    with connect(attacked.url.replace("http", "ws") + "/v1/talk") as page:
        for _ in range(2):
            page.send(message)
            told = json.loads(page.recv(timeout=60))
            assert (told["event"], told["code"]) == ("failed", "misuse")
        page.send(b"\0" * 999)


def test_a_websockets_huge_message_ends_it(attacked: Server) -> None:
    with connect(attacked.url.replace("http", "ws") + "/v1/talk") as page:
        page.send("x" * 3_000_000)
        with pytest.raises(ConnectionClosed):
            page.recv(timeout=60)


WAYS_OUT = (
    *("../../../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "..%2f..%2fetc%2fpasswd", "~/.ssh/id_rsa"),
    *("....//....//etc/passwd", "\\\\host\\share", "C:\\Windows\\win.ini", "nul\0byte", "$(id)", "`id`"),
)
NAMES = (
    *("repaint", "again", "refine", "image", "model", "speech_model", "engine", "compute_unit", "sampler", "spacing"),
    *("language", "seed", "steps", "output", "data", "hearer", "device", "file", "socket", "keep_audio"),
)


@pytest.mark.parametrize("name", NAMES)
def test_no_field_is_a_way_to_a_file(attacked: Server, name: str) -> None:
    for way in (*WAYS_OUT, str(DEMO / "pictures"), str(DEMO / "ggml-demo.bin"), str(RECORDING)):
        for sent in ({"json": {"prompt": "a tree", "steps": 1, name: way}}, {"data": {"prompt": "a tree", name: way}}):
            response = attacked.ask("POST", "/v1/pictures", **sent)
            assert 400 <= response.status_code < 500, (sent, response.text)
            assert "root:" not in response.text


@pytest.mark.parametrize("name", ["model", "size", "response_format", "image", "sampler", "user_file"])
def test_no_field_of_openais_is_a_way_to_a_file(attacked: Server, name: str) -> None:
    for way in (*WAYS_OUT, str(DEMO / "pictures")):
        refused(
            attacked.ask("POST", "/v1/images/generations", json={"prompt": "a tree", "steps": 1, name: way}),
            404 if name == "model" else 400,
        )


def test_no_address_is_a_way_to_a_file(attacked: Server) -> None:
    for way in (
        "../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/guard/rules.py",
        "..\\x",
        "%00",
        "%ff",
    ):
        for place in ("/", "/page/", "/v1/gallery/", "/v1/jobs/", "/v1/models/"):
            for method, end in (("GET", ""), ("DELETE", ""), ("GET", ".png"), ("POST", "/restore")):
                answer = say(attacked, f"{method} {place}{way}{end} HTTP/1.1")
                assert answer[9:10] == b"4", (method, place, way, end, answer[:200])
                assert b"root:" not in answer
    for query in ("before=../../etc/passwd", "before=%00", "search=%22%27%3B--", "search=%ff", "limit=-1", "limit=1e9"):
        assert attacked.ask("GET", f"/v1/gallery?{query}").status_code in (200, 400)


def test_a_files_name_is_not_used(attacked: Server, data: Path) -> None:
    before = {path for path in data.rglob("*") if path.suffix != ".json"}
    for name in ("../../evil.wav", "/var/evil.wav", "evil\0.wav", "a" * 5_000, '";x="', ""):
        head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\nnothing\r\n--x--\r\n'
        response = attacked.ask(
            "POST", "/v1/pictures", content=head.encode(), headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert response.status_code == 400, response.text
    left = {path for path in data.rglob("*") if path.suffix != ".json"} - before
    assert not [path for path in left if "evil" in path.name or path.suffix == ".sound"]


def test_an_upload_that_is_too_large_is_refused_however_it_comes(attacked: Server) -> None:
    for path in ("/v1/pictures", "/v1/audio/transcriptions", "/v1/images/edits"):
        refused(attacked.ask("POST", path, files={"file": bytes(MOST_UPLOAD + 10)}), 413, "too_large")
    with wire(attacked) as line:
        line.sendall(b"POST /v1/pictures HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n")
        line.sendall(b"Content-Type: multipart/form-data; boundary=x\r\n\r\n")
        chunk = b"186a0\r\n" + bytes(100_000) + b"\r\n"
        with contextlib.suppress(ConnectionError):
            while True:  # until the server closes the connection, or the test times out
                line.sendall(chunk)
        assert line.recv(100).startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))


def test_json_that_is_too_large_too_deep_or_none_is_refused(attacked: Server) -> None:
    refused(attacked.ask("POST", "/v1/pictures", json={"prompt": "x" * 2_000_000}), 413)
    bodies = (
        "[" * 500_000,
        '{"a":' * 100_000,
        "",
        "[]",
        '"x"',
        "{",
        "\xff",
        '{"prompt": NaN}',
        '{"steps": 1e999, "prompt": "x"}',
    )
    numbers = (
        '{"prompt": "x", "seed": %s}' % ("9" * 5_000),
        '{"prompt": "x", "seed": -1}',
        '{"prompt": "x", "seed": 1e30}',
    )
    words = (
        '{"prompt": "\\ud800"}',
        '{"prompt": "\\u0000"}',
        '{"prompt": ["x"]}',
        '{"prompt": {"a": 1}}',
        '{"prompt": 3}',
    )
    for body in (*bodies, *numbers, *words, json.dumps({"prompt": "x" * 50_000})):
        for path in ("/v1/pictures", "/v1/images/generations"):
            response = attacked.ask(
                "POST", path, content=body.encode("latin-1"), headers={"Content-Type": "application/json"}
            )
            refused(response, 400)


PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
FORMS = (
    *(b"", b"--x--", b"--y\r\n", PART, PART + b"sound", b"--x\r\n\r\n\r\n--x--\r\n"),
    *(b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n", b"--x\r\n: b\r\n\r\na\r\n--x--\r\n"),
    *(b"--x\r\n" + b"A: b\r\n" * 5_000, b"--x\r\nContent-Disposition: " + b"a" * 100_000),
    (PART.replace(b'; filename="a"', b"") + b"a\r\n") * 2_000 + b"--x--\r\n",
    (PART + b"a\r\n") * 100 + b"--x--\r\n",
)


@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
@pytest.mark.parametrize("path", ["/v1/pictures", "/v1/audio/transcriptions", "/v1/images/edits"])
def test_a_malformed_form_is_refused(attacked: Server, path: str, form: bytes) -> None:
    for kind in (
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=" + "x" * 500,
        "application/x-www-form-urlencoded",
    ):
        refused(attacked.ask("POST", path, content=form, headers={"Content-Type": kind}), 400)


LISTS = (
    "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{0}\n#EXT-X-ENDLIST\n",
    "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{0}\n#EXT-X-ENDLIST\n",
    "ffconcat version 1.0\nfile {0}\n",
    "ffconcat version 1.0\nfile 'near.wav'\n",
    '<?xml version="1.0"?><MPD><Period><AdaptationSet><BaseURL>{0}</BaseURL></AdaptationSet></Period></MPD>',
)


@pytest.mark.parametrize("text", LISTS, ids=range(len(LISTS)))
def test_a_playlist_is_not_a_recording(attacked: Server, data: Path, text: str) -> None:
    (data / "jobs" / "near.wav").write_bytes(RECORDING.read_bytes())
    for name in ("a.wav", "a.m3u8"):
        for path in ("/v1/pictures", "/v1/audio/transcriptions"):
            response = attacked.ask("POST", path, files={"file": (name, text.format(RECORDING).encode())})
            refused(response, 400)
            assert "sailboat" not in response.text
    (data / "jobs" / "near.wav").unlink()


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_another_type_is_refused(attacked: Server, name: str) -> None:
    for value in ([], {}, [1], {"a": 1}, [[None]], "\x00", 1e999, True):
        for path in ("/v1/pictures", "/v1/images/generations"):
            body = json.dumps({"prompt": "a tree", "steps": 1, name: value})
            response = attacked.ask("POST", path, content=body, headers={"Content-Type": "application/json"})
            assert 400 <= response.status_code < 500, (body, response.text)


def png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def test_a_picture_that_would_fill_the_memory_is_refused(attacked: Server) -> None:
    large = [png(2_500, 2_500, bytes(2_501 * 2_500)), png(30_000, 30_000, b""), png(2**31 - 1, 2**31 - 1, b"")]
    for image in (*large, b"GIF89a" + bytes(100), b"<svg/>", b"%!PS\n(x) run\n"):
        form = {"prompt": "a tree", "steps": "4"}
        response = attacked.ask("POST", "/v1/images/edits", data=form, files={"image": image})
        refused(response, 400)
        assert response.json()["error"]["param"] == "image"


def test_slow_clients_do_not_keep_others_from_being_served(attacked: Server) -> None:
    head = b"POST /v1/pictures HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
    slow: list[socket.socket] = []
    done = threading.Event()

    def dawdle() -> None:  # there are new ones when the first have been cut
        while not done.wait(0.02 if len(slow) < 60 else 0.2):
            slow.append(wire(attacked))
            slow[-1].sendall(head[: 20 + len(slow) % 60])

    dawdling = threading.Thread(target=dawdle)
    dawdling.start()
    try:
        attacked.until(lambda: len(slow) >= 60)
        assert attacked.paint(prompt="a tree").status_code == 200
    finally:
        done.set()
        dawdling.join()
        for line in slow:
            line.close()


def test_beyond_this_machine_only_the_token_opens(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIO_TO_IMAGE_DATA", str(tmp_path))
    server = Server("--host", ANYWHERE, "--token", SECRET)
    try:
        url = server.url.replace(ANYWHERE, "127.0.0.1")
        with httpx2.Client(base_url=url) as stranger:
            for headers in (
                {},
                {"Authorization": "Bearer wrong"},
                {"Authorization": "Bearer geheim"},
                {"Cookie": "a=b"},
                EVIL,
            ):
                for path in ("/", "/v1/status", "/page/index.html", "/openapi.json", "/v1/gallery/x.png"):
                    assert stranger.get(path, headers=headers).status_code in (401, 403)
            assert stranger.get("/v1/status", headers={"Host": "evil.example"}).status_code == 403
            with pytest.raises(InvalidStatus), connect(url.replace("http", "ws") + "/v1/talk"):
                pass
            assert stranger.get("/v1/status", headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200
            assert stranger.get("/", params={"token": SECRET}).status_code == 303
            assert stranger.get("/v1/status").status_code == 200, "the cookie opens"
    finally:
        server.client.close()
        server.end()


def test_a_small_answer_does_not_wait_for_the_network(attacked: Server) -> None:
    def seconds() -> float:
        begun = time.perf_counter()
        attacked.ask("GET", "/nowhere")
        return time.perf_counter() - begun

    assert min(seconds() for _ in range(200)) < 0.03, "40 ms each, also the fastest: small packets are held back"


def test_sound_without_end_does_not_fill_the_memory(attacked: Server) -> None:
    process, said = psutil.Process(attacked.process.pid), RECORDING.read_bytes()[44:] + bytes(64_000)
    with connect(attacked.url.replace("http", "ws") + "/v1/talk") as page:
        page.send(json.dumps({"do": "listen", "microphone": "page", "confirm": True}))
        for start in range(0, len(said), 3_200):
            page.send(said[start : start + 3_200])
        while json.loads(page.recv(timeout=100))["event"] != "confirm":
            pass
        before = process.memory_info().rss
        for _ in range(1_500):
            page.send(bytes(100_000))
        assert process.memory_info().rss - before < 50_000_000
