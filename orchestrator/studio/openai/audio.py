"""A recording as OpenAI's clients send it comes in; what was said in it goes out, in the form they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orchestrator import events
from orchestrator.errors import AudioToImageError, NoSpeech
from orchestrator.events import Event
from orchestrator.line import pipeline
from orchestrator.line.engines import Line
from orchestrator.settings import Settings
from orchestrator.studio import answers, asked
from orchestrator.studio.answers import WrongField
from orchestrator.studio.asked import Asked
from orchestrator.studio.jobs import Job, Jobs
from orchestrator.studio.openai import names
from orchestrator.studio.openai.spoken import FORMATS, Spoken, streamed
from orchestrator.studio.pictures import bounded, ended

TIMES = "timestamp_granularities[]"
# What OpenAI's models can be told and ours need not be.
IGNORED = ("temperature", "include[]", "chunking_strategy", TIMES)
OURS = ("initial_prompt",)
FIELDS = ("model", "language", "prompt", "response_format", "stream", *OURS, *IGNORED)


async def transcriptions(request: Request) -> Response:
    """Write down what was said."""
    return await _heard(request, translate=False)


async def translations(request: Request) -> Response:
    """Write down in English what was said."""
    return await _heard(request, translate=True)


async def _heard(request: Request, *, translate: bool) -> Response:
    jobs: Jobs = request.app.state.jobs
    wanted = await asked.read(request)
    asked.only(wanted.fields, FIELDS)
    form = _form(wanted)
    settings = _settings(jobs.settings, wanted, translate=translate)
    upload = wanted.file("file")
    if not upload:
        raise WrongField("file", "the request brings no recording", "send one in the form's field `file`")
    job, spoken = Job(what="translation" if translate else "transcription"), Spoken(translated=translate)
    path = await asked.store(upload, jobs.folder / f"{job.id}.sound", jobs.settings.most_upload)
    try:
        jobs.start(job, lambda line: _hearing(line, path, spoken), settings, written=False)
    except AudioToImageError:
        path.unlink()
        raise
    if wanted.text("stream").lower() == "true":
        return StreamingResponse(streamed(job, spoken), media_type="text/event-stream")
    await ended(job, request.receive)
    return answers.told(job.error) if job.error else spoken.written(form)


def _hearing(line: Line, path: Path, spoken: Spoken) -> Iterator[Event]:
    """Hear a recording; silence is no failure here, it has an empty text."""
    try:
        spoken.seconds = bounded(path, line.settings)
        for event in pipeline.transcript(line, path):
            if isinstance(event, events.Heard):
                spoken.hear(event)
            yield event
    except NoSpeech:
        return
    finally:
        path.unlink()


def _form(wanted: Asked) -> str:
    form = wanted.text("response_format") or FORMATS[0]
    if form not in FORMATS:
        raise WrongField(
            "response_format", f"response_format cannot be {form[:40]!r}", f"choose one of: {', '.join(FORMATS)}"
        )
    if wanted.text(TIMES) not in ("", "segment"):
        raise WrongField(TIMES, "no model here tells when each word was said", "ask for segments")
    return form


def _settings(settings: Settings, wanted: Asked, *, translate: bool) -> Settings:
    fields: dict[str, Any] = {"language": wanted.text("language"), "translate": translate}
    fields["initial_prompt"] = wanted.text("initial_prompt") or wanted.text("prompt")
    fields |= names.setting("speech", wanted.fields.get("model"), settings)
    return asked.chosen(settings, fields)
