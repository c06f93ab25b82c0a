"""Limits to the size and the duration of a request's body.

A body beyond the limits is answered here; to the app it looks as if the client had left.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.studio.guard.rules import Rules
from orchestrator.studio.problems import problem

GONE: Message = {"type": "http.disconnect"}


async def limited(app: ASGIApp, scope: Scope, receive: Receive, send: Send, rules: Rules) -> None:
    """Run the app with a body of limited size and duration."""
    headers = Headers(scope=scope)
    is_form = headers.get("content-type", "").lower().startswith("multipart/form-data")
    limit = rules.upload_bytes if is_form else rules.words_bytes
    if int(headers.get("content-length", "0")) > limit:
        await too_large(limit)(scope, receive, send)
        return
    body = Body(scope, receive, send, limit=limit, seconds=rules.body_seconds)
    try:
        await app(scope, body.receive, body.send)
    except ClientDisconnect:
        if not body.answered:
            raise


class Body:
    """The channel between server and app, with limits to what the client sends."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, limit: int, seconds: float) -> None:
        self.answered = False  # by us: what the app sends is dropped
        self._refused = self._complete = self._app_began = False
        self._taken = 0
        self._scope, self._receive, self._send = scope, receive, send
        self._limit, self._seconds = limit, seconds
        self._until = asyncio.get_running_loop().time() + seconds

    async def receive(self) -> Message:
        if self._refused:
            return GONE
        if self._complete:
            return await self._receive()  # until the client leaves
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            return await self._refuse(too_slow(self._seconds))
        self._taken += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        return await self._refuse(too_large(self._limit)) if self._taken > self._limit else message

    async def send(self, message: Message) -> None:
        if not self.answered:
            self._app_began = True
            await self._send(message)

    async def _refuse(self, answer: Response) -> Message:
        self._refused = True
        if not self._app_began:
            self.answered = True
            await answer(self._scope, self._receive, self._send)
        return GONE


def too_large(limit: int) -> Response:
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
    return problem(413, f"the request is larger than {size}", code="too_large", hint="send less")


def too_slow(seconds: float) -> Response:
    message = f"the request was not complete within {seconds:g} s"
    return problem(408, message, code="too_slow", hint="send less, or over a faster connection")
