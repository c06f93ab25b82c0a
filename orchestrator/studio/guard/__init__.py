"""Requests come in from anywhere; only those that may ask, and ask for a bounded thing, reach the app behind it.

It knows nothing of that app. `visitors` tells who may ask, `bodies` how much one may send, `impatient` how long one may
dawdle, `headers` what a browser may do with an answer.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.studio.guard import visitors
from orchestrator.studio.guard.bodies import measured
from orchestrator.studio.guard.headers import secured
from orchestrator.studio.guard.rules import Rules, serving

__all__ = ["Rules", "guarded", "serving"]


def guarded(app: ASGIApp, rules: Rules) -> ASGIApp:
    """Stand before an app."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return
        send = secured(send)
        answer = visitors.answer(scope, rules)
        if answer is None:
            behind = app if scope["type"] == "websocket" else measured_app
            await behind(scope, receive, send)
        elif scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
            await answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def measured_app(scope: Scope, receive: Receive, send: Send) -> None:
        await measured(app, scope, receive, send, rules)

    return guard
