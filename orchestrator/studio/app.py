"""The studio's addresses and the app that serves them.

Handlers that only read and write files are plain functions: Starlette runs those in threads. `async` ones hand whatever
blocks to `run_in_threadpool`; `tests/test_event_loop.py` fails if one blocks the loop.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from orchestrator.studio import conversation, description, gallery_api, openai, pictures, problems, status
from orchestrator.studio.guard import Rules, guarded
from orchestrator.studio.jobs import Jobs
from orchestrator.studio.microphone import Microphone
from orchestrator.studio.turns import Turns

PAGE = Path(__file__).parent / "page"


def page(_: Request) -> Response:
    """Return the page itself."""
    return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})


ROUTES = (
    Route("/", page),
    Mount("/page", StaticFiles(directory=PAGE)),
    Route("/v1/status", status.status),
    Route("/v1/jobs", status.jobs),
    Route("/v1/jobs/{job}", status.job, methods=["GET", "DELETE"]),
    Route("/v1/pictures", pictures.create, methods=["POST"]),
    WebSocketRoute("/v1/talk", conversation.talk),
    Route("/v1/gallery", gallery_api.pictures),
    Route("/v1/gallery/{picture}.png", gallery_api.image),
    Route("/v1/gallery/{picture}", gallery_api.recipe, methods=["GET"]),
    Route("/v1/gallery/{picture}", gallery_api.remove, methods=["DELETE"]),
    Route("/v1/gallery/{picture}/restore", gallery_api.restore, methods=["POST"]),
    *openai.ROUTES,
    *description.ROUTES,
)


def app(jobs: Jobs, turns: Mapping[str, Turns], microphone: Microphone, rules: Rules) -> ASGIApp:
    """Make the app."""
    mimetypes.init()  # else the first file served reads the system's tables on the event loop
    made = Starlette(routes=ROUTES, exception_handlers=problems.HANDLERS)
    made.state.jobs, made.state.turns, made.state.microphone = jobs, turns, microphone
    return guarded(made, rules)
