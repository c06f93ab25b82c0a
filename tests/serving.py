"""A real `serve` for tests: started as a person would start it, used over HTTP, killed when the test wants."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2
import psutil
import pytest
from person import COMMAND

QUICK = {"steps": 2}


class Server:
    """A running server: `ask` it, read its `events`, `kill` it."""

    def __init__(self, *arguments: str, command: Sequence[str] = (COMMAND,)) -> None:
        self.process = subprocess.Popen(
            [*command, "serve", "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise AssertionError(self.process.communicate(timeout=10)[1])
        self.url, _, self.token = self.address.partition("?token=")
        self.url = self.url.rstrip("/")
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        self.client = httpx2.Client(base_url=self.url, timeout=100, headers=headers)

    def ask(self, method: str, path: str, **how: Any) -> httpx2.Response:
        return self.client.request(method, path, **how)

    def paint(self, **fields: Any) -> httpx2.Response:
        return self.ask("POST", "/v1/pictures", json=QUICK | fields)

    @contextmanager
    def events(self, **how: Any) -> Iterator[Iterator[dict[str, Any]]]:
        """Follow a job as it happens."""
        headers = {"Accept": "text/event-stream"}
        with self.client.stream("POST", "/v1/pictures", headers=headers, **how) as response:
            assert response.status_code == 200, response.read()
            yield (json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: "))

    def status(self) -> dict[str, Any]:
        return self.ask("GET", "/v1/status").json()

    def job(self, wanted: str) -> dict[str, Any]:
        return self.ask("GET", f"/v1/jobs/{wanted}").json()

    def workers(self) -> list[psutil.Process]:
        """Find the processes that hold engines."""
        return [child for child in psutil.Process(self.process.pid).children() if _holds_an_engine(child)]

    def until(self, true: Callable[[], object], seconds: float = 100) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "the condition does not hold"
            time.sleep(0.05)

    def warm(self) -> Server:
        """Wait until the picture model is in memory."""
        self.until(lambda: self.status()["engines"]["picture"]["state"] == "warm")
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.client.close()

    def end(self) -> tuple[int, str]:
        """End it as a person does; return its exit status and what it wrote to stderr."""
        self.client.close()
        complaints = ""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            _, complaints = self.process.communicate(timeout=100)
        return self.process.returncode, complaints


@pytest.fixture
def serve(isolated: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test; settings are given as `queue=1`."""
    servers: list[Server] = []

    def start(*arguments: str, **settings: object) -> Server:
        for name, value in settings.items():
            monkeypatch.setenv(f"AUDIO_TO_IMAGE_{name.upper()}", str(value))
        servers.append(Server(*arguments))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture
def served(serve: Callable[..., Server]) -> Server:
    return serve()


def _holds_an_engine(process: psutil.Process) -> bool:
    try:
        return any("orchestrator.worker" in word for word in process.cmdline())
    except psutil.Error:
        return False  # the process has just ended
