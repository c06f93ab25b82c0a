"""The part of OpenAI's API that is about speech and pictures.

Programs written for that API work with this server's address and any key.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator.studio.openai import audio, images, model_names


def models(request: Request) -> Response:
    """List the installed models."""
    found = model_names.installed(request.app.state.jobs.settings)
    return JSONResponse({"object": "list", "data": found})


def model(request: Request) -> Response:
    """Describe a model."""
    return JSONResponse(model_names.find(request.path_params["model"], request.app.state.jobs.settings))


ROUTES = (
    Route("/v1/audio/transcriptions", audio.transcriptions, methods=["POST"]),
    Route("/v1/audio/translations", audio.translations, methods=["POST"]),
    Route("/v1/images/generations", images.generations, methods=["POST"]),
    Route("/v1/images/edits", images.edits, methods=["POST"]),
    Route("/v1/models", models),
    Route("/v1/models/{model}", model),
)
