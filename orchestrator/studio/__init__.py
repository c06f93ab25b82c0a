"""The studio: warm engines, a page, and an HTTP API, part of which is OpenAI's.

`turns` holds the engines, `door` shares them over a socket. Each request for work is one of `jobs`, which use the
engines through that socket as other programs of the same person do.
"""

from __future__ import annotations

import errno
import logging
import secrets
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from orchestrator import files, record
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.line.engines import ROLES, Line
from orchestrator.settings import Settings
from orchestrator.studio.app import app
from orchestrator.studio.door import Door
from orchestrator.studio.guard import rules_for
from orchestrator.studio.guard.rules import bracketed, is_loopback
from orchestrator.studio.guard.timeouts import TimeoutHTTP, TimeoutWebSocket
from orchestrator.studio.jobs import Jobs
from orchestrator.studio.microphone import Microphone, press
from orchestrator.studio.turns import Turns
from orchestrator.worker import RemoteEngine
from orchestrator.worker.messages import Press
from orchestrator.worker.served import connect, private

LEAVING_SECONDS = 3
MOST_CONNECTIONS = 500
MOST_MESSAGE = 1 << 20  # bytes of one from a page's WebSocket
TOKEN_BYTES = 24


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What the person who started the server should know."""

    url: str
    lost: int  # jobs that an earlier server did not finish
    recovered: int  # recordings that were cut short


def serve(settings: Settings, started: Callable[[Serving], None]) -> None:
    """Serve until interrupted; `started` is called once clients can connect."""
    token = settings.token or ("" if is_loopback(settings.host) else secrets.token_urlsafe(TOKEN_BYTES))
    rules = replace(rules_for(settings.host, token), upload_bytes=settings.most_upload)
    with _only_server(settings), _listening(settings) as listener:
        port = listener.getsockname()[1]
        url = f"http://{bracketed(settings.host)}:{port}/"
        recovered = record.recover(settings.recordings)
        jobs, microphone = Jobs(settings), Microphone()
        turns = {role: Turns(settings.idle) for role in ROLES}
        served = app(jobs, turns, microphone, rules)
        serving = Serving(
            url=url + (f"?token={token}" if token else ""),
            lost=sum(job.state == "lost" for job in jobs.all()),
            recovered=len(recovered),
        )
        with _door(settings, turns, jobs, microphone, url):
            with suppress(KeyboardInterrupt):  # Ctrl-C is how it is ended, from when its address is known
                started(serving)
                _run(served, listener, jobs)
            for each in turns.values():
                each.close()


class _Server(uvicorn.Server):
    """A server that ends its jobs first: uvicorn waits for the responses that follow them."""

    def __init__(self, config: uvicorn.Config, jobs: Jobs) -> None:
        super().__init__(config)
        self._jobs = jobs

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await run_in_threadpool(self._jobs.close)
        await super().shutdown(sockets)


def _run(served: ASGIApp, listener: socket.socket, jobs: Jobs) -> None:
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # clients' mistakes are answered, not logged
    config = uvicorn.Config(
        served,
        http=TimeoutHTTP,
        ws=TimeoutWebSocket,
        ws_max_size=MOST_MESSAGE,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=LEAVING_SECONDS,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # without a proxy, clients could forge what the guard compares
    )
    _Server(config, jobs).run(sockets=[listener])


@contextmanager
def _door(settings: Settings, turns: dict[str, Turns], jobs: Jobs, microphone: Microphone, url: str) -> Iterator[None]:
    """Open the socket and load the engines."""

    def other(message: object) -> Generator[object]:
        if not isinstance(message, Press):
            raise Misuse(f"{message!r:.60} is not understood", "end `serve` and start it again")
        return press(microphone, jobs, message)

    door = Door(settings.socket, turns, other)
    door.open(url)
    threading.Thread(target=_load_engines, args=[settings], daemon=True).start()
    try:
        yield
    finally:
        door.close()


def _load_engines(settings: Settings) -> None:
    """Load the engines side by side; the first job that needs one that failed will report it."""
    with Line(settings) as line:
        for load in (RemoteEngine.start, RemoteEngine.load):
            for role in ROLES:
                with suppress(AudioToImageError):
                    load(line.engine(role))


@contextmanager
def _only_server(settings: Settings) -> Iterator[None]:
    """Make sure that no other server uses the same data."""
    folder = private(settings.socket.parent)
    with files.lock(folder / f"{settings.socket.stem}.lock", wait=False) as got:
        if not got:
            there = connect(settings.socket, "studio")
            where = f": {there.greeting.url}" if there else ""
            if there:
                there.leave()
            raise AudioToImageError(f"`serve` is already running{where}", "stop that one first with Ctrl-C")
        yield


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """Listen on the port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is given; without it each small response takes 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host.strip("[]"), settings.port))
            listener.listen()  # before the address is shown
        except (OSError, OverflowError) as error:
            raise _unbound(settings, error) from error
        yield listener


def _unbound(settings: Settings, error: OSError | OverflowError) -> AudioToImageError:
    if isinstance(error, OverflowError):
        return Misuse(f"there is no port {settings.port}", "audio-to-image serve --port 8765")
    if error.errno == errno.EADDRINUSE:
        taken = f"port {settings.port} is taken by another program"
        return AudioToImageError(taken, f"audio-to-image serve --port {settings.port + 1}")
    return Misuse(f"cannot listen on {settings.host} port {settings.port}: {error.strerror}", "leave --host out")
