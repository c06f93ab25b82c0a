"""Security headers for every response."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
SECURITY = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"microphone=(self), camera=(), geolocation=()"),
    (b"cache-control", b"no-store"),
)
STARTS = ("http.response.start", "websocket.http.response.start")


def secured(send: Send) -> Send:
    """Add the headers to every response, unless the app sets them itself."""

    async def sending(message: Message) -> None:
        if message["type"] in STARTS:
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            for name, value in SECURITY:
                headers.setdefault(name.decode(), value.decode())
            message = {**message, "headers": headers.raw}
        await send(message)

    return sending
