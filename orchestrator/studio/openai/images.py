"""OpenAI's `/v1/images`: pictures are painted from words, or from words and a picture."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orchestrator import picture as png
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Event
from orchestrator.gallery import Gallery
from orchestrator.line import pipeline
from orchestrator.line.engines import Line
from orchestrator.line.order import Prompt
from orchestrator.settings import Settings
from orchestrator.studio import forms, problems
from orchestrator.studio.fields import PAINTING
from orchestrator.studio.forms import EMPTY, Form
from orchestrator.studio.job import Job
from orchestrator.studio.jobs import Jobs
from orchestrator.studio.openai import model_names
from orchestrator.studio.pictures import wait
from orchestrator.studio.problems import WrongField

FORMATS = ("url", "b64_json")
IMAGE = ("image", "image[]")
AUTO = ("", "auto")
# Fields of OpenAI's models, and the values that ask for what ours do anyway; empty: any value.
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
OURS = tuple(name for name in PAINTING if name != "model")
FIELDS = ("prompt", "model", "n", "size", "response_format", *PLAIN, *OURS)


async def generations(request: Request) -> Response:
    """Paint words."""
    return await _paint(request, await forms.read(request), None)


async def edits(request: Request) -> Response:
    """Paint words from a picture."""
    form = await forms.read(request)
    images = [upload for name, upload in form.files if name in IMAGE]
    if form.file("mask") or "mask" in form.fields:
        raise WrongField("mask", "no model here paints a part of a picture", "leave the mask out")
    if len(images) != 1:
        raise WrongField("image", f"the request has {len(images)} pictures, not one", "send one in the field `image`")
    return await _paint(request, form, images[0])


async def _paint(request: Request, form: Form, image: UploadFile | None) -> Response:
    job = Job(what="picture", text=_prompt(form))
    forms.check_names(form.fields, FIELDS)
    response_format = _response_format(form)
    await run_in_threadpool(_accept, request.app.state.jobs, job, form, image)
    await wait(job, request.receive)
    if job.error:
        return problems.response(job.error)
    return await run_in_threadpool(_response, request, job, response_format)


def _accept(jobs: Jobs, job: Job, form: Form, image: UploadFile | None) -> None:
    """Check a request, store its picture and start its job; blocks."""
    settings, size = _settings(jobs.settings, form), form.text("size")
    path = jobs.folder / f"{job.id}.image" if image else None
    if image and path:
        forms.store(image, path, jobs.settings.most_upload)
        try:
            _check_image(path, jobs.settings.most_pixels)
        except AudioToImageError:
            path.unlink()
            raise

    def work(line: Line) -> Iterator[Event]:
        facts = line.picture.load()
        _check_size((facts.width, facts.height), size)
        yield from pipeline.painting(line, Prompt(text=job.text), image=str(path or ""))

    jobs.start(job, work, settings)


def _response(request: Request, job: Job, response_format: str) -> Response:
    """Describe the pictures, with both the address and the file unless the request names one of them."""
    gallery = Gallery(request.app.state.jobs.settings.gallery)
    data = []
    for picture in job.pictures:
        encodings = {"url": f"{str(request.base_url).rstrip('/')}{picture['url']}"}
        if response_format != "url":
            encodings["b64_json"] = base64.b64encode(gallery.show(picture["id"]).path.read_bytes()).decode()
        if response_format == "b64_json":
            del encodings["url"]
        data.append(encodings)
    size = f"{job.pictures[0]['width']}x{job.pictures[0]['height']}"
    about = {"created": int(time.time()), "background": "opaque", "output_format": "png", "size": size}
    return JSONResponse(about | {"data": data})


def _prompt(form: Form) -> str:
    prompt = form.text("prompt")
    if not prompt.strip():
        raise WrongField("prompt", "the prompt is empty", forms.EXAMPLE)
    return prompt


def _response_format(form: Form) -> str:
    for name, values in PLAIN.items():
        value = form.fields.get(name)
        if values and value is not None and str(value).lower() not in values:
            raise WrongField(name, f"{name} cannot be {value!r:.40}", f"choose one of: {', '.join(values)}")
    wanted = form.text("response_format")
    if wanted and wanted not in FORMATS:
        raise WrongField("response_format", f"response_format cannot be {wanted[:40]!r}", "choose url or b64_json")
    return wanted


def _settings(settings: Settings, form: Form) -> Settings:
    fields = {name: value for name, value in form.fields.items() if name in OURS}
    if form.fields.get("n") not in EMPTY:
        fields["count"] = form.fields["n"]
    fields |= model_names.setting("picture", form.fields.get("model"), settings)
    return forms.apply(settings, fields)


def _check_size(size: tuple[int, int], wanted: str) -> None:
    own = f"{size[0]}x{size[1]}"
    if wanted not in (*AUTO, own):
        raise WrongField("size", f"this model does not paint {wanted[:20]}, only {own}", f'"size": "{own}" or "auto"')


def _check_image(path: Path, most: int) -> None:
    try:
        png.read_pixels(path, most)
    except Misuse as error:
        raise WrongField("image", str(error).replace(str(path), "the image"), error.hint) from error
