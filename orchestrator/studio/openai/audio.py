"""OpenAI's `/v1/audio`: a recording is transcribed or translated to English."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orchestrator import events
from orchestrator.errors import NoSpeech
from orchestrator.events import Event
from orchestrator.line import pipeline
from orchestrator.line.engines import Line
from orchestrator.settings import Settings
from orchestrator.studio import forms, problems
from orchestrator.studio.forms import Form
from orchestrator.studio.job import Job
from orchestrator.studio.jobs import Jobs
from orchestrator.studio.openai import model_names
from orchestrator.studio.openai.transcript import FORMATS, Transcript, stream
from orchestrator.studio.pictures import check_length, wait
from orchestrator.studio.problems import WrongField

TIMES = "timestamp_granularities[]"
# Fields of OpenAI's models that ours do not need.
IGNORED = ("temperature", "include[]", "chunking_strategy", TIMES)
OURS = ("initial_prompt",)
FIELDS = ("model", "language", "prompt", "response_format", "stream", *OURS, *IGNORED)


async def transcriptions(request: Request) -> Response:
    """Write down what was said."""
    return await _hear(request, translate=False)


async def translations(request: Request) -> Response:
    """Write down in English what was said."""
    return await _hear(request, translate=True)


async def _hear(request: Request, *, translate: bool) -> Response:
    form = await forms.read(request)
    forms.check_names(form.fields, FIELDS)
    response_format = _response_format(form)
    transcript = Transcript(translated=translate)
    job = await run_in_threadpool(_accept, request.app.state.jobs, form, transcript)
    if form.text("stream").lower() == "true":
        return StreamingResponse(stream(job, transcript), media_type="text/event-stream")
    await wait(job, request.receive)
    return problems.response(job.error) if job.error else transcript.response(response_format)


def _accept(jobs: Jobs, form: Form, transcript: Transcript) -> Job:
    """Check a request, store its upload and start its job; blocks."""
    settings = _settings(jobs.settings, form, translate=transcript.translated)
    upload = form.file("file")
    if not upload:
        raise WrongField("file", "the request has no recording", "send one in the form's field `file`")
    job = Job(what="translation" if transcript.translated else "transcription")
    path = forms.store(upload, jobs.folder / f"{job.id}.sound", jobs.settings.most_upload)
    return jobs.start(job, lambda line: _transcribe(line, path, transcript), settings, written=False)


def _transcribe(line: Line, path: Path, transcript: Transcript) -> Iterator[Event]:
    """Hear a recording; silence is not a failure here, its transcript is empty."""
    try:
        transcript.seconds = check_length(path, line.settings)
        for event in pipeline.transcribe(line, path):
            if isinstance(event, events.Heard):
                transcript.hear(event)
            yield event
    except NoSpeech:
        return


def _response_format(form: Form) -> str:
    wanted = form.text("response_format") or FORMATS[0]
    if wanted not in FORMATS:
        message = f"response_format cannot be {wanted[:40]!r}"
        raise WrongField("response_format", message, f"choose one of: {', '.join(FORMATS)}")
    if form.text(TIMES) not in ("", "segment"):
        raise WrongField(TIMES, "no model here gives the times of words", "ask for segments")
    return wanted


def _settings(settings: Settings, form: Form, *, translate: bool) -> Settings:
    fields: dict[str, Any] = {"language": form.text("language"), "translate": translate}
    fields["initial_prompt"] = form.text("initial_prompt") or form.text("prompt")
    fields |= model_names.setting("speech", form.fields.get("model"), settings)
    return forms.apply(settings, fields)
