"""The part of OpenAI's API that programs use for speech and pictures: its requests come in, its answers go out.

Whoever has a program for that API gives it this server's address, and any key.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator.studio.openai import audio, images, names


async def models(request: Request) -> Response:
    """List the models that are here."""
    found = await run_in_threadpool(names.listed, request.app.state.jobs.settings)
    return JSONResponse({"object": "list", "data": found})


async def model(request: Request) -> Response:
    """Describe a model."""
    return JSONResponse(
        await run_in_threadpool(names.find, request.path_params["model"], request.app.state.jobs.settings)
    )


ROUTES = (
    Route("/v1/audio/transcriptions", audio.transcriptions, methods=["POST"]),
    Route("/v1/audio/translations", audio.translations, methods=["POST"]),
    Route("/v1/images/generations", images.generations, methods=["POST"]),
    Route("/v1/images/edits", images.edits, methods=["POST"]),
    Route("/v1/models", models),
    Route("/v1/models/{model}", model),
)
