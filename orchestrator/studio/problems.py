"""Errors as HTTP responses, in the form of OpenAI's API with a hint added."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from orchestrator.errors import (
    AudioToImageError,
    Busy,
    Cancelled,
    Misuse,
    ModelMissing,
    NoSpeech,
    NotThere,
    Unfit,
    Unreadable,
)


class WrongField(Misuse):
    """A field of a request is wrong; the response names it."""

    def __init__(self, param: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.param = param


class UnknownModel(WrongField, ModelMissing):
    """No model has that name; reported as OpenAI's API does."""


RETRY_SECONDS = "2"
CLIENT_LEFT = 499  # nginx's status for a client that closed its request
# The status and code of each error; the first match counts.
KNOWN: tuple[tuple[type[AudioToImageError], int, str], ...] = (
    (NoSpeech, 422, "no_speech"),
    (UnknownModel, 404, "model_not_found"),
    (ModelMissing, 404, "model_missing"),
    (NotThere, 404, "not_found"),
    (Unreadable, 400, "misuse"),
    (Unfit, 400, "misuse"),
    (Misuse, 400, "misuse"),
    (Busy, 429, "busy"),
    (Cancelled, CLIENT_LEFT, "cancelled"),
    (AudioToImageError, 500, "failed"),
)
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
HINTS = {400: "send what /openapi.json describes", 404: "every address is in /openapi.json"}
BUG = "the terminal that runs `audio-to-image serve` shows where"


def problem(status: int, message: str, *, code: str, hint: str = "", param: str | None = None) -> JSONResponse:
    """Make an error response that OpenAI's clients can read."""
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    message = message.encode(errors="replace").decode()  # JSON can name half of a surrogate pair; UTF-8 cannot
    error = {"message": message, "type": kind, "param": param, "code": code, "hint": hint}
    return JSONResponse({"error": error}, status_code=status)


def status_and_code(error: AudioToImageError) -> tuple[int, str]:
    """Return the HTTP status and the code of an error."""
    return next((status, code) for kind, status, code in KNOWN if isinstance(error, kind))


def from_code(code: str, message: str, hint: str) -> AudioToImageError:
    """Rebuild an error from its code."""
    kind = next((kind for kind, _, known in KNOWN if known == code), AudioToImageError)
    return kind(message, hint)


def response(error: AudioToImageError) -> JSONResponse:
    """Make the response of an error."""
    status, code = status_and_code(error)
    param = error.param if isinstance(error, WrongField) else None
    answer = problem(status, str(error), code=code, hint=error.hint, param=param)
    if status == 429:
        answer.headers["Retry-After"] = RETRY_SECONDS
    return answer


async def _known(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AudioToImageError)  # noqa: S101 - see HANDLERS
    return response(error)


async def _refused(_request: Request, error: Exception) -> Response:
    """Answer what Starlette refuses: an unknown address, a wrong method, a malformed form."""
    assert isinstance(error, HTTPException)  # noqa: S101
    status = error.status_code
    message = error.detail if error.detail else HTTPStatus(status).phrase
    answer = problem(status, message, code=CODES.get(status, "bad_request"), hint=HINTS.get(status, ""))
    answer.headers.update(error.headers or {})
    return answer


async def _left(_request: Request, _error: Exception) -> Response:
    return problem(CLIENT_LEFT, "the client left", code="cancelled")


async def _bug(_request: Request, error: Exception) -> Response:
    """Answer a bug; Starlette raises it again, so that it is logged."""
    return problem(500, f"a bug in audio-to-image: {type(error).__name__}", code="failed", hint=BUG)


# For Starlette(exception_handlers=...).
HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    AudioToImageError: _known,
    HTTPException: _refused,
    ClientDisconnect: _left,
    Exception: _bug,
}
