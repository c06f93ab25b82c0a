"""`POST /v1/pictures`: paints a recording or words, and answers with pictures or with events as they happen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.types import Receive

from orchestrator import sound
from orchestrator.errors import Misuse, NoSpeech, Unreadable
from orchestrator.events import Event, Kept
from orchestrator.gallery import Gallery
from orchestrator.line import pipeline
from orchestrator.line.engines import Line
from orchestrator.line.order import Prompt, prompt_of, settings_of
from orchestrator.line.talking import Talk, history_of
from orchestrator.settings import Settings
from orchestrator.studio import fields, forms, problems
from orchestrator.studio.forms import EMPTY, Form
from orchestrator.studio.job import Job
from orchestrator.studio.jobs import Jobs, Work

WAYS = ("prompt", "repaint", "again", "refine", "image", "file")
FIELDS = (*WAYS[:5], *fields.FIELDS)
KEEP_ALIVE_SECONDS = 15.0  # without an event, after which a comment keeps the connection open


async def create(request: Request) -> Response:
    """Paint what the request describes; `Accept` chooses JSON, the file or a stream of events."""
    jobs: Jobs = request.app.state.jobs
    form = await forms.read(request)
    job = await run_in_threadpool(_accept, jobs, form)
    accept = request.headers.get("accept", "")
    if "text/event-stream" in accept:
        return StreamingResponse(stream(job), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
    await wait(job, request.receive)
    if job.error:
        return problems.response(job.error)
    if "image/png" in accept:
        kept = await run_in_threadpool(Gallery(jobs.settings.gallery).show, job.pictures[0]["id"])
        return FileResponse(kept.path, media_type="image/png")
    return JSONResponse({"job": job.id, "pictures": job.pictures})


async def stream(job: Job) -> AsyncIterator[str]:
    """Yield a job's messages as server-sent events; a client that leaves cancels the job."""
    messages = job.follow()
    upcoming = asyncio.ensure_future(anext(messages))
    try:
        while True:
            await asyncio.wait([upcoming], timeout=KEEP_ALIVE_SECONDS)
            if not upcoming.done():
                yield ": still at it\n\n"
                continue
            yield upcoming.result().to_sse()
            upcoming = asyncio.ensure_future(anext(messages))
    except StopAsyncIteration:
        return
    finally:
        upcoming.cancel()
        job.cancel()


async def wait(job: Job, receive: Receive) -> None:
    """Wait for a job's end; a client that leaves cancels the job."""

    async def cancel_if_client_leaves() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        job.cancel()

    watching = asyncio.create_task(cancel_if_client_leaves())
    try:
        async for _ in job.follow():
            pass
    finally:
        job.cancel()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


def check_length(path: Path, settings: Settings) -> float:
    """Return the seconds of a recording; refuse it as soon as it turns out to be longer than `most_seconds`."""
    seconds = 0.0
    try:
        for block in sound.read(path):
            seconds += len(block) / sound.SAMPLE_RATE
            if seconds > settings.most_seconds:
                text = f"the recording is longer than {settings.most_seconds:g} s"
                raise Misuse(text, "send less, or raise most_seconds")
    except (NoSpeech, Unreadable) as error:  # clients must not see our paths
        raise type(error)(str(error).replace(str(path), "the recording"), "send a sound or video file") from error
    return seconds


def _accept(jobs: Jobs, form: Form) -> Job:
    """Check a request, store its upload and start its job; blocks."""
    forms.check_names(form.fields, FIELDS)
    job = Job(what="picture", text=form.text("prompt"))
    upload = form.file("file")
    path = jobs.folder / f"{job.id}.sound" if upload else None
    settings, work = _plan(job, jobs.settings, form, path)
    if upload and path:
        forms.store(upload, path, jobs.settings.most_upload)
    return jobs.start(job, work, settings)


def _plan(job: Job, settings: Settings, form: Form, path: Path | None) -> tuple[Settings, Work]:
    """Return what a request asks for: the settings and the work."""
    given = [name for name in WAYS if form.fields.get(name) not in EMPTY or (name == "file" and path)]
    gallery = Gallery(settings.gallery)
    chosen = forms.apply(settings, form.fields)
    for way in ("repaint", "again"):
        if way in given:
            _refuse_others(way, given)
            kept = forms.find_picture(gallery, form.fields[way])
            job.text = kept.recipe.prompt
            return _repeat(chosen, form.fields, kept, same=way == "repaint")
    if ("prompt" in given) == ("file" in given):
        raise Misuse("the request needs either a prompt or a file", forms.EXAMPLE)
    before = forms.find_picture(gallery, form.fields["refine"]) if "refine" in given else None
    image = before or (forms.find_picture(gallery, form.fields["image"]) if "image" in given else None)
    prompt = form.text("prompt")

    def work(line: Line) -> Iterator[Event]:
        if path:
            check_length(path, line.settings)
            line.speech.start()
        line.picture.start()
        words = (yield from pipeline.hearing(line, path)) if path else Prompt(text=prompt)
        talk = Talk(line, image=str(image.path) if image else "", history=history_of(before))
        yield from talk.paint(words)

    return chosen, work


def _repeat(settings: Settings, given: Mapping[str, Any], kept: Kept, *, same: bool) -> tuple[Settings, Work]:
    """Paint a kept picture again: the same pixels, or with a new seed and the choices given."""
    was = settings_of(settings, kept.recipe)
    if same:
        return was, lambda line: pipeline.repainting(line, kept.recipe)
    chosen = forms.apply(replace(was, seed=None), given)
    image = str(Gallery(settings.gallery).source(kept.recipe)) if kept.recipe.strength is not None else ""
    return chosen, lambda line: pipeline.painting(line, prompt_of(kept.recipe), image=image)


def _refuse_others(way: str, given: list[str]) -> None:
    others = [name for name in given if name != way]
    if others:
        raise Misuse(f"{way} and {others[0]} cannot be combined", f"omit {others[0]}")
