"""A real Chromium for tests: its microphone plays a WAV file, its console and its requests are recorded."""

from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_core_python.base import AXE_SCRIPT
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    WebSocket,
    expect,
    sync_playwright,
)

__all__ = ["Visitor", "browser", "expect", "visit"]

PATIENCE = 40_000  # milliseconds
PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the file that Chromium's microphone plays, from the start each time it is opened."""
    return tmp_path_factory.mktemp("voice") / "said.wav"


@pytest.fixture(scope="module")
def browser(voice: Path) -> Iterator[Browser]:
    """Start Chromium once for all tests of a module; it must have ended before others run an event loop."""
    path = shutil.which("chromium")
    if not path:
        pytest.skip("not installed: chromium")
    arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    arguments.append(f"--use-file-for-fake-audio-capture={voice}%noloop")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


@dataclass
class Visitor:
    """An open page, with its errors, its requests to other hosts, and what it sent."""

    page: Page
    voice: Path
    complaints: list[str] = field(default_factory=list)  # errors and warnings on the console
    foreign: list[str] = field(default_factory=list)  # requested addresses outside the studio
    sent: list[dict[str, Any]] = field(default_factory=list)  # text messages over the WebSocket

    def says(self, recording: Path, *, before: float = 1.0, after: float = 4.0) -> None:
        """Play a recording through the microphone, with silence before and after."""
        with wave.open(str(recording)) as file:
            rate, sound = file.getframerate(), file.readframes(file.getnframes())
        with wave.open(str(self.voice), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(bytes(2 * int(rate * before)) + sound + bytes(2 * int(rate * after)))

    def at(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def button(self, name: str) -> Locator:
        """Return the button with an accessible name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def writes(self, words: str) -> None:
        self.at("#typed-words").fill(words)
        self.page.keyboard.press("Enter")

    def paints(self, words: str) -> str:
        """Type words, wait for the picture, and return its id."""
        before = self.at("#shown-link").get_attribute("href")
        self.writes(words)
        self.has_picture()
        expect(self.at("#shown-link")).not_to_have_attribute("href", before or "")
        return self.shown()

    def has_picture(self) -> None:
        """Wait until the page is idle and shows a picture."""
        expect(self.at("#mic")).to_be_visible()
        expect(self.at("#frame.resting #shown")).to_be_visible()

    def shown(self) -> str:
        """Return the id of the picture shown."""
        return (self.at("#shown-link").get_attribute("href") or "").rpartition("/")[2]

    def barriers(self, *rules: str) -> list[str]:
        """Return the accessibility violations that axe-core finds, by all its rules or only these."""
        only = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
        found = self.page.evaluate(f"{AXE_SCRIPT}; axe.run({json.dumps(only)})")["violations"]
        return [f"{each['id']}: {node['html']} {node['failureSummary']}" for each in found for node in each["nodes"]]

    def too_wide(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.fixture
def visit(browser: Browser, voice: Path) -> Iterator[Callable[..., Visitor]]:
    """Open a server's page; afterwards assert that it logged no error and made no request to another host."""
    contexts: list[tuple[BrowserContext, Visitor]] = []

    def open_page(url: str, **how: Any) -> Visitor:
        options, script, host = how.pop("options", {"steps": "3"}), how.pop("script", ""), how.pop("host", url)
        context = browser.new_context(**{"viewport": LAPTOP, **how})
        context.set_default_timeout(PATIENCE)
        chosen = f"if (location.host) localStorage.options ??= {json.dumps(json.dumps(options))};"
        context.add_init_script(chosen + script)
        visitor = Visitor(page=context.new_page(), voice=voice)
        _watch(visitor, urlsplit(host).netloc)
        contexts.append((context, visitor))
        visitor.page.goto(url)
        return visitor

    yield open_page
    for context, visitor in contexts:
        context.close()
        assert not visitor.complaints, visitor.complaints
        assert not visitor.foreign, visitor.foreign


def _watch(visitor: Visitor, host: str) -> None:
    page = visitor.page

    def check_host(url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob", "about") and urlsplit(url).netloc != host:
            visitor.foreign.append(url)

    def record_sent(frame: str | bytes) -> None:
        if isinstance(frame, str):
            visitor.sent.append(json.loads(frame))

    def follow_socket(socket: WebSocket) -> None:
        check_host(socket.url)
        socket.on("framesent", record_sent)

    def record_complaint(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visitor.complaints.append(message.text)

    page.on("console", record_complaint)
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    page.on("request", lambda request: check_host(request.url))
    page.on("websocket", follow_socket)
