"""Talking with the studio, as a page does: a real WebSocket, real sound, the machine's own microphone too."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microphone import Microphone, microphone
from serving import Server, serve, served
from terminal import COMMAND
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from orchestrator.sound import read

__all__ = ["microphone", "serve", "served"]  # fixtures

BLOCK = 1600  # samples: a tenth of a second, as the page sends them
HASTE = 4  # times as fast as one speaks


class Page:
    """A page's side of the conversation."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []

    def do(self, what: str, **fields: Any) -> None:
        self.connection.send(json.dumps({"do": what, **fields}))

    def speak(self, path: Path, quiet: float = 1.5) -> None:
        """Send a recording, then silence."""
        samples = np.concatenate([*read(path), np.zeros(int(quiet * 16_000), np.int16)])
        for start in range(0, len(samples), BLOCK):
            self.connection.send(samples[start : start + BLOCK].astype("<i2").tobytes())
            time.sleep(BLOCK / 16_000 / HASTE)

    def until(self, *names: str) -> dict[str, Any]:
        """Read until one of these events."""
        while True:
            event = json.loads(self.connection.recv(timeout=100))
            self.events.append(event)
            if event["event"] in names:
                return event

    def end(self) -> dict[str, Any]:
        return self.until("done", "failed")

    def names(self) -> set[str]:
        return {each["event"] for each in self.events}


@pytest.fixture
def page(served: Server) -> Iterator[Page]:
    address = served.warm().url.replace("http", "ws") + "/v1/talk"
    with connect(address, origin=Origin(served.url)) as connection:
        yield Page(connection)


def test_a_sentence_becomes_words_while_it_is_spoken_and_a_picture_when_it_ends(page: Page, recording: Path) -> None:
    page.do("listen", microphone="page", steps=2, seed=4)
    page.until("accepted")
    page.speak(recording)
    done = page.end()
    assert done["event"] == "done", done
    assert done["pictures"][0]["prompt"] == "paint a red sailboat on the sea at sunset"
    assert done["pictures"][0]["seed"] == 4
    order = [each["event"] for each in page.events]
    assert order.index("opened") < order.index("words") < order.index("recorded") < order.index("kept")
    assert {"level", "heard", "cleaned", "painted"} <= page.names()
    assert not list((Path(os.environ["AUDIO_TO_IMAGE_DATA"]) / "recordings").glob("*"))


def test_the_next_sentence_refines_the_picture_and_words_are_edited_before_they_are_painted(
    page: Page, recording: Path
) -> None:
    page.do("listen", steps=2, seed=4)
    page.speak(recording)
    first = page.end()["pictures"][0]
    page.do("listen", steps=2, confirm=True)
    page.speak(recording)
    asked = page.until("confirm")
    assert asked["prompt"] == "paint a red sailboat on the sea at sunset"
    page.do("paint", prompt="make it night")
    second = page.end()["pictures"][0]
    assert second["prompt"] == "paint a red sailboat on the sea at night"
    assert (second["parent"], second["seed"]) == (first["id"], 4)
    page.do("listen", steps=2, confirm=True, refine=first["id"])
    page.speak(recording)
    page.until("confirm")
    page.do("paint", prompt="make it green")
    assert page.end()["pictures"][0]["parent"] == first["id"]


def test_releasing_the_key_ends_a_sentence(page: Page, recording: Path) -> None:
    page.do("listen", steps=2)
    page.speak(recording, quiet=0)
    page.do("stop")
    assert page.end()["event"] == "done"
    assert next(each for each in page.events if each["event"] == "recorded")["why"] == "key"


def test_silence_paints_nothing_and_the_next_sentence_is_heard(page: Page, silence: Path, recording: Path) -> None:
    page.do("listen", steps=2)
    page.speak(silence, quiet=0)
    page.do("stop")
    assert page.end()["code"] == "no_speech"
    page.do("listen", steps=2)
    page.speak(recording)
    assert page.end()["event"] == "done"


def test_a_sentence_can_be_cancelled_while_it_is_spoken_and_while_it_is_painted(page: Page, recording: Path) -> None:
    page.do("listen")
    page.until("accepted")
    page.do("cancel")
    assert page.end()["code"] == "cancelled"
    page.do("listen", steps=400)
    page.speak(recording)
    page.until("painted")
    page.do("cancel")
    assert page.end()["code"] == "cancelled"
    page.do("listen", steps=2)
    page.speak(recording)
    assert page.end()["event"] == "done"


def test_a_page_that_leaves_cancels_what_it_began(served: Server, recording: Path) -> None:
    with connect(served.url.replace("http", "ws") + "/v1/talk") as connection:
        page = Page(connection)
        page.do("listen", steps=400)
        page.speak(recording)
        page.until("painted")
    served.until(lambda: served.status()["jobs"]["running"] == 0)
    assert served.paint(prompt="a tree").status_code == 200


@pytest.mark.parametrize(
    "message", ["", "{", "[]", '{"do": "fly"}', '{"do": "listen", "model": "/etc/passwd"}', '{"do": "listen", "x": 1}']
)
def test_an_unknown_message_gets_an_error_and_the_conversation_continues(page: Page, message: str) -> None:
    page.connection.send(message)
    assert page.end()["event"] == "failed"
    page.do("listen")
    page.until("accepted")
    page.do("cancel")
    assert page.end()["code"] == "cancelled"


def test_one_sentence_at_a_time_is_spoken_in_a_conversation(page: Page) -> None:
    page.do("listen")
    page.until("accepted")
    page.do("listen")
    assert "not done" in page.end()["message"]
    page.do("cancel")
    assert page.end()["code"] == "cancelled"


def test_a_page_of_another_site_is_refused(served: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(served.url.replace("http", "ws") + "/v1/talk", origin=Origin("https://elsewhere.example"))
    assert refused.value.response.status_code == 403


def test_the_server_s_microphone_records_for_one_page_at_a_time(
    microphone: Microphone, serve: Callable[..., Server], recording: Path
) -> None:
    server = serve().warm()
    address = server.url.replace("http", "ws") + "/v1/talk"
    with connect(address) as first, connect(address) as second:
        one, other = Page(first), Page(second)
        one.do("listen", microphone="server", steps=2)
        one.until("opened")
        assert server.status()["listening"]
        other.do("listen", microphone="server", steps=2)
        assert other.end()["code"] == "busy"
        microphone.play(recording)
        assert one.end()["pictures"][0]["prompt"] == "paint a red sailboat on the sea at sunset"
        assert not server.status()["listening"]


def press() -> subprocess.Popen[str]:
    """Press as a Shortcut does: without a terminal."""
    return subprocess.Popen(
        [COMMAND, "talk", "--once", "--now", "--no-open", "--steps", "2"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def more_recorded(size: int) -> Callable[[], bool]:
    """Return a check for so many more bytes of the recording in progress."""
    (part,) = (Path(os.environ["AUDIO_TO_IMAGE_DATA"]) / "recordings").glob("*.part.wav")
    before = part.stat().st_size
    return lambda: part.stat().st_size >= before + size


def test_a_second_press_of_the_shortcut_stops_the_recording(
    microphone: Microphone, serve: Callable[..., Server], recording: Path
) -> None:
    server = serve(silence=60, seconds=60).warm()
    first = press()
    server.until(lambda: server.status()["listening"])
    microphone.play(recording).wait()
    server.until(more_recorded(16_000))  # what was played last has arrived
    second = press()
    out, complaints = second.communicate(timeout=100)
    assert (second.returncode, out) == (0, ""), complaints
    assert "stopped listening" in complaints
    out, complaints = first.communicate(timeout=100)
    assert first.returncode == 0, complaints
    assert Path(out.strip()).is_file()
    assert "red sailboat" in complaints
    third = press()
    server.until(lambda: server.status()["listening"])
    third.kill()  # a recording stops when the client that started it is gone
    third.communicate()
    server.until(lambda: not server.status()["listening"])
