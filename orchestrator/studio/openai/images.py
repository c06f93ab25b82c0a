"""Words, or a picture and words, as OpenAI's clients send them come in; pictures go out."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orchestrator import picture as png
from orchestrator.errors import Misuse
from orchestrator.events import Event
from orchestrator.gallery import Gallery
from orchestrator.line import pipeline
from orchestrator.line.engines import Line
from orchestrator.line.order import Said
from orchestrator.settings import Settings
from orchestrator.studio import answers, asked
from orchestrator.studio.answers import WrongField
from orchestrator.studio.asked import Asked
from orchestrator.studio.jobs import Job, Jobs
from orchestrator.studio.openai import names
from orchestrator.studio.pictures import ended

FORMATS = ("url", "b64_json")
IMAGE = ("image", "image[]")
AUTO = ("", "auto")
# What OpenAI's models can be told, and the values that ask for what ours do anyway; none: any value.
PLAIN: Mapping[str, tuple[str, ...]] = {
    "background": ("auto", "opaque"),
    "output_format": ("png",),
    "stream": ("false",),
    "partial_images": ("0",),
    "quality": (),
    "style": (),
    "moderation": (),
    "input_fidelity": (),
    "output_compression": (),
    "safety_identifier": (),
    "user": (),
}
OURS = tuple(name for name in asked.PAINTING if name != "model")
FIELDS = ("prompt", "model", "n", "size", "response_format", *PLAIN, *OURS)


async def generations(request: Request) -> Response:
    """Paint words."""
    wanted = await asked.read(request)
    return await _painted(request, wanted, Job(what="picture", text=_prompt(wanted)), None)


async def edits(request: Request) -> Response:
    """Paint words from a picture."""
    jobs: Jobs = request.app.state.jobs
    wanted = await asked.read(request)
    images = [upload for name, upload in wanted.files if name in IMAGE]
    if wanted.file("mask") or "mask" in wanted.fields:
        raise WrongField("mask", "no model here paints a part of a picture", "leave the mask out")
    if len(images) != 1:
        raise WrongField(
            "image", f"the request brings {len(images)} pictures, not one", "send one in the field `image`"
        )
    job = Job(what="picture", text=_prompt(wanted))
    path = await asked.store(images[0], jobs.folder / f"{job.id}.image", jobs.settings.most_upload)
    try:
        await run_in_threadpool(_check_image, path, jobs.settings.most_pixels)
        return await _painted(request, wanted, job, path)
    finally:
        path.unlink(missing_ok=True)


async def _painted(request: Request, wanted: Asked, job: Job, image: Path | None) -> Response:
    jobs: Jobs = request.app.state.jobs
    asked.only(wanted.fields, FIELDS)
    form, size = _form(wanted), wanted.text("size")
    settings = _settings(jobs.settings, wanted)

    def work(line: Line) -> Iterator[Event]:
        _check_size(line.painter.size, size)
        yield from pipeline.painting(line, Said(prompt=job.text), image=str(image or ""))

    jobs.start(job, work, settings)
    await ended(job, request.receive)
    return answers.told(job.error) if job.error else await run_in_threadpool(_answer, request, job, form, settings)


def _answer(request: Request, job: Job, form: str, settings: Settings) -> Response:
    """Describe the pictures; whoever did not say how gets both the address and the file."""
    data = []
    for picture in job.pictures:
        forms = {"url": f"{str(request.base_url).rstrip('/')}{picture['url']}"}
        if form != "url":
            content = Gallery(settings.gallery).show(picture["id"]).path.read_bytes()
            forms["b64_json"] = base64.b64encode(content).decode()
        if form == "b64_json":
            del forms["url"]
        data.append(forms)
    size = f"{job.pictures[0]['width']}x{job.pictures[0]['height']}"
    about = {"created": int(time.time()), "background": "opaque", "output_format": "png", "size": size}
    return JSONResponse(about | {"data": data})


def _prompt(wanted: Asked) -> str:
    prompt = wanted.text("prompt")
    if not prompt.strip():
        raise WrongField("prompt", "the prompt is empty", asked.EXAMPLE)
    return prompt


def _form(wanted: Asked) -> str:
    for name, values in PLAIN.items():
        value = wanted.fields.get(name)
        if values and value is not None and str(value).lower() not in values:
            raise WrongField(name, f"{name} cannot be {value!r:.40}", f"choose one of: {', '.join(values)}")
    form = wanted.text("response_format")
    if form and form not in FORMATS:
        raise WrongField("response_format", f"response_format cannot be {form[:40]!r}", "choose url or b64_json")
    return form


def _settings(settings: Settings, wanted: Asked) -> Settings:
    fields = {name: value for name, value in wanted.fields.items() if name in OURS}
    if wanted.fields.get("n") not in (None, ""):
        fields["count"] = wanted.fields["n"]
    fields |= names.setting("picture", wanted.fields.get("model"), settings)
    return asked.chosen(settings, fields)


def _check_size(size: tuple[int, int], wanted: str) -> None:
    own = f"{size[0]}x{size[1]}"
    if wanted not in (*AUTO, own):
        raise WrongField("size", f"this model does not paint {wanted[:20]}, only {own}", f'"size": "{own}" or "auto"')


def _check_image(path: Path, most: int) -> None:
    try:
        png.read_pixels(path, most)
    except Misuse as error:
        raise WrongField("image", str(error).replace(str(path), "the image"), error.hint) from error
