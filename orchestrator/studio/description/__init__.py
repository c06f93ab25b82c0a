"""`/openapi.json`: nothing comes in; a description of every operation goes out, in the form of OpenAPI 3.1.

Programs are made from it, and `tests/test_description.py` asks the server everything that it allows.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator import __version__
from orchestrator.studio import album
from orchestrator.studio.description.schemas import BINARY, PICTURE_ID, SCHEMAS, TEXT, Schema, closed, listed, named

ABOUT = """Speech to picture on your own machine. Words are heard and painted here; nothing leaves this machine.

`WebSocket /v1/talk` holds a conversation while one speaks; docs/STUDIO.md describes it, and the events of streams.
A server that is reached from other machines asks for a token: `Authorization: Bearer TOKEN`."""
# What any request may be answered with: by the guard before it, or by the engines behind it.
ALWAYS = {
    400: "It cannot be so; `hint` tells what would be.",
    401: "The token is missing or wrong.",
    403: "It comes from another site's page, or names another host.",
    408: "The request was not whole in time.",
    413: "The request is too large.",
    500: "It was well asked, and could not be done.",
}
WORK = {
    404: "There is no such picture or model.",
    422: "Nobody spoke.",
    429: "As much is under way as is taken on.",
    499: "It was cancelled.",
}
ABSENT = {404: "There is none of that name."}
STREAM: Schema = {"text/event-stream": {}}


def json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def operation(name: str, summary: str, content: Schema, also: dict[int, str] | None = None, **more: Any) -> Schema:
    """Describe an operation: what it answers when all is well, and what else it may."""
    refusals = {str(status): _refusal(text) for status, text in sorted((ALWAYS | (also or {})).items())}
    answers = {"200": {"description": "Done.", "content": content}} | refusals
    return {"operationId": name, "summary": summary, "responses": answers, **more}


def parameter(name: str, schema: Schema, place: str = "query") -> Schema:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def body(**kinds: str) -> Schema:
    """Describe a request's body: JSON, a form, or either."""
    media = {"json": "application/json", "form": "multipart/form-data"}
    return {"required": True, "content": {media[kind]: {"schema": named(name)} for kind, name in kinds.items()}}


def _refusal(text: str) -> Schema:
    return {"description": text, "content": json(named("Error"))}


def _ours() -> Schema:
    """Describe the studio's own operations."""
    picture, job = parameter("picture", PICTURE_ID, "path"), parameter("job", TEXT | {"minLength": 1}, "path")
    flag: Schema = {"type": "boolean"}
    search = [
        parameter("search", TEXT),
        parameter("before", TEXT),
        parameter("limit", {"type": "integer", "minimum": 1, "maximum": album.LARGEST_PAGE}),
    ]
    made = {
        **json(closed({"job": TEXT, "pictures": listed(named("Picture"))})),
        "image/png": {"schema": BINARY},
        **STREAM,
    }
    page = closed({"pictures": listed(named("Picture")), "next": {"type": ["string", "null"]}})
    removed = closed({"id": TEXT, "removed": {"type": "boolean"}})
    file = {"image/png": {"schema": BINARY}}
    looks = [picture, parameter("bare", flag), parameter("download", flag)]
    wish = body(json="PictureWish", form="PictureForm")
    return {
        "/v1/pictures": {
            "post": operation("paint", "Paint words, or what a recording says", made, WORK, requestBody=wish)
        },
        "/v1/jobs": {"get": operation("jobs", "What was asked", json(closed({"jobs": listed(named("Job"))})))},
        "/v1/jobs/{job}": {
            "parameters": [job],
            "get": operation("job", "What became of a job", json(named("Job")), ABSENT),
            "delete": operation("cancel", "Cancel a job, or forget it", json(named("Job")), ABSENT),
        },
        "/v1/gallery": {"get": operation("gallery", "The pictures kept, newest first", json(page), parameters=search)},
        "/v1/gallery/{picture}.png": {
            "get": operation("file", "A picture's file", file, ABSENT, parameters=looks),
        },
        "/v1/gallery/{picture}": {
            "parameters": [picture],
            "get": operation("picture", "How a picture was made", json(named("Picture")), ABSENT),
            "delete": operation("remove", "Move a picture to the trash", json(removed), ABSENT),
        },
        "/v1/gallery/{picture}/restore": {
            "post": operation("restore", "Bring it back", json(named("Picture")), ABSENT, parameters=[picture])
        },
        "/v1/status": {"get": operation("status", "What the studio is doing", json(named("Status")))},
        "/openapi.json": {"get": operation("description", "This", json({"type": "object"}))},
    }


def _openais() -> Schema:
    """Describe what clients of OpenAI's API ask."""
    heard = {**json(named("Transcript")), "text/plain": {"schema": TEXT}, **STREAM}
    speech, painted = body(form="SpeechForm"), json(named("Images"))
    models = closed({"object": TEXT, "data": listed(named("Model"))})
    model = [parameter("model", TEXT | {"minLength": 1}, "path")]
    words, edit = body(json="ImageWish"), body(form="EditForm")
    return {
        "/v1/audio/transcriptions": {
            "post": operation("transcribe", "Write down what was said", heard, WORK, requestBody=speech)
        },
        "/v1/audio/translations": {
            "post": operation("translate", "Write it down in English", heard, WORK, requestBody=speech)
        },
        "/v1/images/generations": {"post": operation("generate", "Paint words", painted, WORK, requestBody=words)},
        "/v1/images/edits": {"post": operation("edit", "Paint from a picture", painted, WORK, requestBody=edit)},
        "/v1/models": {"get": operation("models", "The models that are here", json(models))},
        "/v1/models/{model}": {"get": operation("model", "A model", json(named("Model")), ABSENT, parameters=model)},
    }


@cache
def described() -> Schema:
    """Give the whole description."""
    token = {"type": "http", "scheme": "bearer"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "audio-to-image", "version": __version__, "description": ABOUT},
        "paths": _ours() | _openais(),
        "components": {"schemas": SCHEMAS, "securitySchemes": {"token": token}},
        "security": [{}, {"token": []}],
    }


async def describe(_: Request) -> Response:
    """Give the description."""
    return JSONResponse(described())


ROUTES = (Route("/openapi.json", describe),)
