"""The guard before the app: it lets only allowed requests of limited size and duration through.

`access` decides who may send requests, `bodies` limits what they send, `timeouts` how long it may take, and `headers`
sets what a browser may do with a response. The guard does not depend on the app.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.studio.guard import access
from orchestrator.studio.guard.bodies import limited
from orchestrator.studio.guard.headers import secured
from orchestrator.studio.guard.rules import Rules, rules_for

__all__ = ["Rules", "guarded", "rules_for"]


def guarded(app: ASGIApp, rules: Rules) -> ASGIApp:
    """Put the guard before an app."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return
        send = secured(send)
        refusal = access.refusal(scope, rules)
        if refusal is None:
            behind = app if scope["type"] == "websocket" else limited_app
            await behind(scope, receive, send)
        elif scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
            await refusal(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def limited_app(scope: Scope, receive: Receive, send: Send) -> None:
        await limited(app, scope, receive, send, rules)

    return guard
