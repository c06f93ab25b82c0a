"""Every address of the studio; what stands behind them comes in, the app that answers them goes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from orchestrator.studio import album, answers, conversation, description, openai, pictures, status
from orchestrator.studio.guard import Rules, guarded
from orchestrator.studio.jobs import Jobs
from orchestrator.studio.microphone import Microphone
from orchestrator.studio.turns import Turns

PAGE = Path(__file__).parent / "page"


async def page(_: Request) -> Response:
    """Give the page itself."""
    return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})


ROUTES = (
    Route("/", page),
    Mount("/page", StaticFiles(directory=PAGE)),
    Route("/v1/status", status.status),
    Route("/v1/jobs", status.jobs),
    Route("/v1/jobs/{job}", status.job, methods=["GET", "DELETE"]),
    Route("/v1/pictures", pictures.create, methods=["POST"]),
    WebSocketRoute("/v1/talk", conversation.talk),
    Route("/v1/gallery", album.pictures),
    Route("/v1/gallery/{picture}.png", album.image),
    Route("/v1/gallery/{picture}", album.recipe, methods=["GET"]),
    Route("/v1/gallery/{picture}", album.remove, methods=["DELETE"]),
    Route("/v1/gallery/{picture}/restore", album.restore, methods=["POST"]),
    *openai.ROUTES,
    *description.ROUTES,
)


def app(jobs: Jobs, turns: Mapping[str, Turns], microphone: Microphone, rules: Rules) -> ASGIApp:
    """Make the app."""
    made = Starlette(routes=ROUTES, exception_handlers=answers.HANDLERS)
    made.state.jobs, made.state.turns, made.state.microphone = jobs, turns, microphone
    return guarded(made, rules)
