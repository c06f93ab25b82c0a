"""Connections that dawdle come in; none of them holds anything for long.

uvicorn waits for ever for a request's head, for the rest of a body that nobody reads, for a client to take its answer.
For uvicorn.Config(http=Impatient, ws=ImpatientSocket).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import h11
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from orchestrator.studio.answers import problem
from orchestrator.studio.guard.headers import SECURITY

HINT = "this server speaks HTTP/1.1: http://, not https://"


class Alarm:
    """Rings once where something has lasted too long."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, ring: Callable[[], None]) -> None:
        self._loop, self._seconds, self._ring = loop, seconds, ring
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, lasts: bool) -> None:
        """Begin, or go on, while it lasts; else be still."""
        if not lasts and self._timer:
            self._timer.cancel()
            self._timer = None
        elif lasts and not self._timer:
            self._timer = self._loop.call_later(self._seconds, self._ring)


class Impatient(H11Protocol):
    """HTTP, with an end to each wait."""

    head_seconds = 10.0  # for a request's head, from its first byte
    rest_seconds = 2.0  # for the rest of a body that is answered already
    take_seconds = 30.0  # for a client to take what is sent

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head = Alarm(self.loop, self.head_seconds, self._close)
        self._rest = Alarm(self.loop, self.rest_seconds, self._close)
        self._take = Alarm(self.loop, self.take_seconds, transport.abort)
        self._head.watch(True)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_protocol() is self:
            self._watch()
        else:  # it became a WebSocket
            self._forget()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._take.watch(True)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._take.watch(self.transport.is_closing())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._forget()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as everything else is answered."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(bad_request(msg))
            self._close()
        else:  # in the middle of an answer
            self.transport.abort()

    def _watch(self) -> None:
        """Set a limit to whatever the client is at: a request's head, a body that nobody waits for, taking the rest."""
        client = self.conn.their_state
        self._head.watch(client is h11.IDLE and self.timeout_keep_alive_task is None)
        self._rest.watch(client is h11.SEND_BODY and self.cycle.response_complete)
        if self.transport.is_closing():  # which waits for ever to have sent what is left
            self._take.watch(self.transport.get_write_buffer_size() > 0)

    def _close(self) -> None:
        self.transport.close()
        self._watch()

    def _forget(self) -> None:
        for alarm in (self._head, self._rest, self._take):
            alarm.watch(False)


class ImpatientSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose client must take what is sent."""

    take_seconds = 30.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._take = Alarm(self.loop, self.take_seconds, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated:  # though the head is whole: `websockets` will not have it, and is silent
            self.transport.write(bad_request("This WebSocket's handshake is too long."))
            self.transport.close()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # it was refused; uvicorn would complain that it is not complete

    def pause_writing(self) -> None:
        super().pause_writing()
        self._take.watch(True)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._take.watch(self.transport.is_closing())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._take.watch(False)


def bad_request(message: str) -> bytes:
    """Write a whole answer to what is no request."""
    answer = problem(400, message, code="bad_request", hint=HINT)
    headers = [*answer.raw_headers, (b"connection", b"close"), *SECURITY]
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"HTTP/1.1 400 Bad Request\r\n" + lines + b"\r\n" + bytes(answer.body)
