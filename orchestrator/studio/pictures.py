"""`POST /v1/pictures`: a recording or words come in; pictures go out, or what happens until they are there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.types import Receive

from orchestrator import sound
from orchestrator.errors import AudioToImageError, Misuse, NoSpeech, Unreadable
from orchestrator.events import Event, Kept
from orchestrator.gallery import Gallery
from orchestrator.line import pipeline
from orchestrator.line.engines import Line
from orchestrator.line.order import Said, as_it_was, said_before
from orchestrator.line.talking import Talk, made_before
from orchestrator.settings import Settings
from orchestrator.studio import answers, asked
from orchestrator.studio.asked import Asked
from orchestrator.studio.jobs import Job, Jobs, Work

WAYS = ("prompt", "repaint", "again", "refine", "image", "file")
FIELDS = (*WAYS[:5], *asked.PAINTING, *asked.HEARING)
NOTHING = (None, "")  # that a field may be, and might as well not be there
STILL = 15.0  # seconds without an event, after which a comment tells that we are still here


async def create(request: Request) -> Response:
    """Paint what is asked for, and answer in the way that is asked for."""
    jobs: Jobs = request.app.state.jobs
    wanted = await asked.read(request)
    asked.only(wanted.fields, FIELDS)
    job = Job(what="picture", text=wanted.text("prompt"))
    upload = wanted.file("file")
    path = await asked.store(upload, jobs.folder / f"{job.id}.sound", jobs.settings.most_upload) if upload else None
    try:
        settings, work = _plan(job, jobs.settings, wanted, path)
        jobs.start(job, _tidied(work, path), settings)
    except AudioToImageError:
        if path:
            path.unlink(missing_ok=True)
        raise
    accept = request.headers.get("accept", "")
    if "text/event-stream" in accept:
        return StreamingResponse(stream(job), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
    await ended(job, request.receive)
    if job.error:
        return answers.told(job.error)
    if "image/png" in accept:
        kept = Gallery(settings.gallery).show(job.pictures[0]["id"])
        return FileResponse(kept.path, media_type="image/png")
    return JSONResponse({"job": job.id, "pictures": job.pictures})


async def stream(job: Job) -> AsyncIterator[str]:
    """Write a job's story as server-sent events; a reader that leaves cancels it."""
    story = job.story()
    upcoming = asyncio.ensure_future(anext(story))
    try:
        while True:
            await asyncio.wait([upcoming], timeout=STILL)
            if not upcoming.done():
                yield ": still at it\n\n"
                continue
            yield upcoming.result().to_sse()
            upcoming = asyncio.ensure_future(anext(story))
    except StopAsyncIteration:
        return
    finally:
        upcoming.cancel()
        job.cancel()


async def ended(job: Job, receive: Receive) -> None:
    """Wait for a job's end; a client that leaves cancels it."""

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        job.cancel()

    watching = asyncio.create_task(left())
    try:
        async for _ in job.story():
            pass
    finally:
        job.cancel()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


def refining(gallery: Gallery, wanted: object) -> Kept | None:
    """Find the picture that is to be changed, if one is."""
    return None if wanted in NOTHING else asked.kept(gallery, wanted)


def _plan(job: Job, settings: Settings, wanted: Asked, path: Path | None) -> tuple[Settings, Work]:
    """Tell with which settings to do what."""
    fields = wanted.fields
    given = [name for name in WAYS if fields.get(name) not in NOTHING or (name == "file" and path)]
    gallery = Gallery(settings.gallery)
    chosen = asked.chosen(settings, fields)
    for way in ("repaint", "again"):
        if way in given:
            _alone(way, given)
            kept = asked.kept(gallery, fields[way])
            job.text = kept.recipe.prompt
            return _anew(chosen, fields, kept, same=way == "repaint")
    if ("prompt" in given) == ("file" in given):
        raise Misuse("the request needs either a prompt or a file", asked.EXAMPLE)
    before = refining(gallery, fields.get("refine"))
    image = before or (asked.kept(gallery, fields["image"]) if "image" in given else None)
    prompt = wanted.text("prompt")

    def work(line: Line) -> Iterator[Event]:
        if path:
            bounded(path, line.settings)
            line.hearer.start()
        line.painter.start()
        said = (yield from pipeline.hearing(line, path)) if path else Said(prompt=prompt)
        talk = Talk(line, image=str(image.path) if image else "", made=[made_before(before)] if before else [])
        yield from talk.written(said)

    return chosen, work


def _anew(settings: Settings, fields: Mapping[str, Any], kept: Kept, *, same: bool) -> tuple[Settings, Work]:
    """Paint a kept picture again: the same pixels, or with a new seed and whatever else was asked for."""
    was = as_it_was(settings, kept.recipe)
    if same:
        return was, lambda line: pipeline.repainting(line, kept.recipe)
    chosen = asked.chosen(replace(was, seed=None), fields)
    image = str(Gallery(settings.gallery).source(kept.recipe)) if kept.recipe.strength is not None else ""
    return chosen, lambda line: pipeline.painting(line, said_before(kept.recipe), image=image)


def bounded(path: Path, settings: Settings) -> float:
    """Tell how many seconds sound lasts; it is refused, and read no further, where that is more than is taken on."""
    seconds = 0.0
    try:
        for block in sound.read(path):
            seconds += len(block) / sound.SAMPLE_RATE
            if seconds > settings.most_seconds:
                text = f"the recording is longer than {settings.most_seconds:g} s"
                raise Misuse(text, "send less, or raise most_seconds")
    except (NoSpeech, Unreadable) as error:  # the client knows no path of ours
        raise type(error)(str(error).replace(str(path), "the recording"), "send a sound or video file") from error
    return seconds


def _tidied(work: Work, path: Path | None) -> Work:
    """Delete an upload once it has become a picture, or cannot become one."""

    def tidied(line: Line) -> Iterator[Event]:
        try:
            yield from work(line)
        finally:
            if path:
                path.unlink(missing_ok=True)

    return tidied


def _alone(way: str, given: list[str]) -> None:
    others = [name for name in given if name != way]
    if others:
        raise Misuse(f"{way} and {others[0]} do not go together", f"leave {others[0]} out")
