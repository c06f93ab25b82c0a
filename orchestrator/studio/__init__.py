"""The studio: engines kept warm, a page, and an API that other programs already speak.

Settings come in; it serves until somebody ends it. `door` shares the engines in `turns`; whatever is asked for is one
of `jobs`, which are clients of that door like any other program of the same person.
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
    """What a person must know of a server that has begun."""

    url: str
    lost: int  # jobs that an earlier server left undone
    recovered: int  # recordings cut short


def serve(settings: Settings, begun: Callable[[Serving], None]) -> None:
    """Serve until somebody ends it."""
    token = settings.token or ("" if is_loopback(settings.host) else secrets.token_urlsafe(TOKEN_BYTES))
    rules = replace(rules_for(settings.host, token), upload_bytes=settings.most_upload)
    with _alone(settings), _listening(settings) as listener:
        port = listener.getsockname()[1]
        url = f"http://{bracketed(settings.host)}:{port}/"
        recovered = record.recover(settings.recordings)
        jobs, microphone = Jobs(settings), Microphone()
        turns = {role: Turns(settings.idle) for role in ROLES}
        with _door(settings, turns, jobs, microphone, url):
            begun(
                Serving(
                    url=url + (f"?token={token}" if token else ""),
                    lost=sum(job.state == "lost" for job in jobs.all()),
                    recovered=len(recovered),
                )
            )
            _run(app(jobs, turns, microphone, rules), listener, jobs)
            for each in turns.values():
                each.close()


class _Server(uvicorn.Server):
    """A server that ends its jobs before it waits for those who follow them."""

    def __init__(self, config: uvicorn.Config, jobs: Jobs) -> None:
        super().__init__(config)
        self._jobs = jobs

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await run_in_threadpool(self._jobs.close)
        await super().shutdown(sockets)


def _run(served: ASGIApp, listener: socket.socket, jobs: Jobs) -> None:
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # what a client sends wrongly is the client's news
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
        proxy_headers=False,  # no proxy stands before us, and a guard compares what they say
    )
    with suppress(KeyboardInterrupt):  # that is how one ends it
        _Server(config, jobs).run(sockets=[listener])


@contextmanager
def _door(settings: Settings, turns: dict[str, Turns], jobs: Jobs, microphone: Microphone, url: str) -> Iterator[None]:
    """Open the door, and have the engines load behind it."""

    def other(message: object) -> Generator[object]:
        if not isinstance(message, Press):
            raise Misuse(f"{message!r:.60} is not understood")
        return press(microphone, jobs, message)

    door = Door(settings.socket, turns, other)
    door.open(url)
    threading.Thread(target=_warm, args=[settings], daemon=True).start()
    try:
        yield
    finally:
        door.close()


def _warm(settings: Settings) -> None:
    """Load the engines side by side; the first job that needs one that failed will report it."""
    with Line(settings) as line:
        for load in (RemoteEngine.start, RemoteEngine.load):
            for role in ROLES:
                with suppress(AudioToImageError):
                    load(line.engine(role))


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Be the only server of this person's data."""
    folder = private(settings.socket.parent)
    with files.lock(folder / f"{settings.socket.stem}.lock", wait=False) as got:
        if not got:
            there = connect(settings.socket, "studio")
            where = f": {there.greeting.url}" if there else ""
            raise AudioToImageError(f"`serve` runs already{where}", "end that one first: Ctrl-C where it runs")
        yield


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """Take the port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named, for asyncio sends small answers at once only where it reads TCP; else each takes 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host.strip("[]"), settings.port))
            listener.listen()  # before anyone is told the address
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
