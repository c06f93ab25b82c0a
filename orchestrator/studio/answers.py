"""What went wrong comes in; one JSON body goes out: OpenAI's form of an error, with our hint beside it."""

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
    """A field of a request cannot be as it is; the answer names it."""

    def __init__(self, param: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.param = param


class UnknownModel(WrongField, ModelMissing):
    """There is no model of that name: in the words of OpenAI's API."""


RETRY_SECONDS = "2"
CLIENT_LEFT = 499  # nginx's number for a client that did not wait
# Which error is which status and code; the first that fits.
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
BUG = "the terminal in which `audio-to-image serve` runs shows where"


def problem(status: int, message: str, *, code: str, hint: str = "", param: str | None = None) -> JSONResponse:
    """Answer with an error, in the form that OpenAI's clients read."""
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    message = message.encode(errors="replace").decode()  # JSON may name halves of characters; UTF-8 cannot
    error = {"message": message, "type": kind, "param": param, "code": code, "hint": hint}
    return JSONResponse({"error": error}, status_code=status)


def status_and_code(error: AudioToImageError) -> tuple[int, str]:
    """Find the HTTP status and the code that tell an error of ours."""
    return next((status, code) for kind, status, code in KNOWN if isinstance(error, kind))


def recalled(code: str, message: str, hint: str) -> AudioToImageError:
    """Make the error again that was told by its code."""
    kind = next((kind for kind, _, known in KNOWN if known == code), AudioToImageError)
    return kind(message, hint)


def told(error: AudioToImageError) -> JSONResponse:
    """Answer with an error of ours."""
    status, code = status_and_code(error)
    param = error.param if isinstance(error, WrongField) else None
    answer = problem(status, str(error), code=code, hint=error.hint, param=param)
    if status == 429:
        answer.headers["Retry-After"] = RETRY_SECONDS
    return answer


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AudioToImageError)  # noqa: S101  # the table below says so
    return told(error)


async def _starlettes(_request: Request, error: Exception) -> Response:
    """Answer what Starlette refuses by itself: no such address, another method, a form that is none."""
    assert isinstance(error, HTTPException)  # noqa: S101
    status = error.status_code
    message = error.detail if error.detail else HTTPStatus(status).phrase
    answer = problem(status, message, code=CODES.get(status, "bad_request"), hint=HINTS.get(status, ""))
    answer.headers.update(error.headers or {})
    return answer


async def _left(_request: Request, _error: Exception) -> Response:
    return problem(CLIENT_LEFT, "the client left", code="cancelled")


async def _bug(_request: Request, error: Exception) -> Response:
    """Answer a mistake in this program; Starlette raises it again, so that it is seen."""
    return problem(500, f"a mistake in audio-to-image: {type(error).__name__}", code="failed", hint=BUG)


# For Starlette(exception_handlers=...).
HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    AudioToImageError: _ours,
    HTTPException: _starlettes,
    ClientDisconnect: _left,
    Exception: _bug,
}
