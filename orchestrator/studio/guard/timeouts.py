"""Time limits that uvicorn lacks, for a server that can be reached from outside.

Each connection counts against uvicorn's `limit_concurrency`, so a client that holds many of them without a request can
shut all others out. uvicorn itself limits the size of a request's head (`h11_max_incomplete_event_size`) and of a
WebSocket's message (`ws_max_size`), and closes idle connections (`timeout_keep_alive`); the guard's `bodies` limits a
body that the app reads. What is left is here:

- slowloris: a connection without a request, or with a head that never ends;
- a body that goes on after its answer was sent, which restarts uvicorn's idle timer with every byte;
- slow reading: a client that does not take what is sent, also after the server has closed the connection;
- a WebSocket handshake that the `websockets` library drops without an answer;
- tracebacks in the log, one for each broken request during an answer.

For `uvicorn.Config(http=TimeoutHTTP, ws=TimeoutWebSocket)`. It uses private names of uvicorn, hence the narrow range of
versions in pyproject.toml; `tests/test_timeouts.py` lists them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import h11
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class Alarm:
    """A timer that runs while a condition holds, and calls a function when it has held for too long."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, call: Callable[[], None]) -> None:
        self._loop, self._seconds, self._call = loop, seconds, call
        self._timer: asyncio.TimerHandle | None = None

    def set(self, holds: bool) -> None:
        """Start the timer or let it run on if the condition holds; stop it if not."""
        if not holds and self._timer:
            self._timer.cancel()
            self._timer = None
        elif holds and not self._timer:
            self._timer = self._loop.call_later(self._seconds, self._call)


class TimeoutHTTP(H11Protocol):
    """HTTP whose clients must send their requests and read the responses in time."""

    head_seconds = 10.0  # for a request's head
    rest_seconds = 2.0  # for the rest of a body that was already answered
    send_seconds = 30.0  # for a client to read what is sent

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head = Alarm(self.loop, self.head_seconds, self._close)
        self._rest = Alarm(self.loop, self.rest_seconds, self._close)
        self._sending = Alarm(self.loop, self.send_seconds, transport.abort)
        self._head.set(True)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_protocol() is self:
            self._set_alarms()
        else:  # it became a WebSocket
            self._stop_alarms()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._set_alarms()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._set_alarms()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending.set(True)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._sending.set(self.transport.is_closing())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_alarms()

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:  # during an answer; uvicorn would raise
            self.transport.abort()

    def _set_alarms(self) -> None:
        client = self.conn.their_state
        self._head.set(client is h11.IDLE and self.timeout_keep_alive_task is None)
        self._rest.set(client is h11.SEND_BODY and self.cycle.response_complete)
        if self.transport.is_closing():  # asyncio waits for the rest to be read, without a limit
            self._sending.set(self.transport.get_write_buffer_size() > 0)

    def _close(self) -> None:
        self.transport.close()
        self._set_alarms()

    def _stop_alarms(self) -> None:
        for alarm in (self._head, self._rest, self._sending):
            alarm.set(False)


class TimeoutWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose client must read what is sent in time."""

    send_seconds = 30.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._sending = Alarm(self.loop, self.send_seconds, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated:  # the head is whole, yet `websockets` did not accept it and is silent
            self.transport.close()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # it was refused; uvicorn would log an error

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending.set(True)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._sending.set(self.transport.is_closing())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._sending.set(False)
