"""`/openapi.json`: the description of every operation, in the form of OpenAPI 3.1.

`tests/test_description.py` sends the server whatever it allows.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator import __version__
from orchestrator.studio import gallery_api
from orchestrator.studio.description.schemas import BINARY, PICTURE_ID, TEXT, Schema, closed, components, listed, named

ABOUT = """Speech to picture on your own machine. Nothing leaves this machine.

`WebSocket /v1/talk` is a conversation in speech; docs/STUDIO.md describes it, and the events of streams.
A server that other machines can reach needs a token: `Authorization: Bearer TOKEN`."""
# The errors that any request may get, from the guard or from the engines.
ALWAYS = {
    400: "The request is wrong; `hint` says how to correct it.",
    401: "The token is missing or wrong.",
    403: "The request comes from another site's page, or names another host.",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    500: "The request was right, but could not be carried out.",
}
WORK = {
    404: "There is no such picture or model.",
    422: "Nobody spoke.",
    429: "The queue is full.",
    499: "The job was cancelled.",
}
ABSENT = {404: "There is nothing with that name."}
STREAM: Schema = {"text/event-stream": {}}


def json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def operation(name: str, summary: str, content: Schema, also: dict[int, str] | None = None, **more: Any) -> Schema:
    """Describe an operation: its response, and the errors it may give."""
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


def _studio() -> Schema:
    """Describe the studio's own operations."""
    picture, job = parameter("picture", PICTURE_ID, "path"), parameter("job", TEXT | {"minLength": 1}, "path")
    flag: Schema = {"type": "boolean"}
    search = [
        parameter("search", TEXT),
        parameter("before", TEXT),
        parameter("limit", {"type": "integer", "minimum": 1, "maximum": gallery_api.LARGEST_PAGE}),
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
        "/v1/jobs": {"get": operation("jobs", "The jobs, newest first", json(closed({"jobs": listed(named("Job"))})))},
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
            "post": operation(
                "restore", "Restore a picture from the trash", json(named("Picture")), ABSENT, parameters=[picture]
            )
        },
        "/v1/status": {"get": operation("status", "What the studio is doing", json(named("Status")))},
        "/openapi.json": {"get": operation("description", "This description", json({"type": "object"}))},
    }


def _openai() -> Schema:
    """Describe the operations of OpenAI's API."""
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
        "/v1/models": {"get": operation("models", "The installed models", json(models))},
        "/v1/models/{model}": {"get": operation("model", "A model", json(named("Model")), ABSENT, parameters=model)},
    }


@cache
def openapi() -> Schema:
    """Return the whole description."""
    token = {"type": "http", "scheme": "bearer"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "audio-to-image", "version": __version__, "description": ABOUT},
        "paths": _studio() | _openai(),
        "components": {"schemas": components(), "securitySchemes": {"token": token}},
        "security": [{}, {"token": []}],
    }


def describe(_: Request) -> Response:
    """Return the description."""
    return JSONResponse(openapi())


ROUTES = (Route("/openapi.json", describe),)
