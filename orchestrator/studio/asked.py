"""What a client asks for: a request's body comes in; its fields, checked, and its files, stored, go out.

No field is ever a path: models are names of the catalogue, pictures are ids of the gallery.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from orchestrator import catalogue, files
from orchestrator.errors import Misuse, ModelMissing
from orchestrator.events import Kept
from orchestrator.gallery import ID, Gallery
from orchestrator.hear.speech import LANGUAGES
from orchestrator.paint import COMPUTE_UNITS, PAINTERS, SAMPLERS, SPACINGS
from orchestrator.settings import Settings, changed

HEARING = ("speech_model", "language", "translate", "initial_prompt")
PAINTING = (
    "negative", "seed", "steps", "guidance", "sampler", "spacing", "count", "strength",
    "model", "engine", "compute_unit",
)  # fmt: skip
# Refused at the door: an engine that is asked for what it is not has been opened for it, and another one closed.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "engine": ("auto", *PAINTERS),
    "compute_unit": COMPUTE_UNITS,
    "sampler": SAMPLERS,
    "spacing": SPACINGS,
    "language": ("auto", *LANGUAGES),
}
MODELS = {"model": "picture", "speech_model": "speech"}
MOST_COUNT = 16
MOST_FIELDS = 100
BLOCK_BYTES = 1 << 20
PLACE = "the request"
EXAMPLE = 'send an object such as {"prompt": "a red house"}'


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request's fields and files."""

    fields: Mapping[str, Any]
    files: tuple[tuple[str, UploadFile], ...] = field(default=())

    def file(self, *names: str) -> UploadFile | None:
        """Give the first file that was sent under one of these names."""
        return next((upload for name, upload in self.files if name in names), None)

    def text(self, name: str) -> str:
        """Give a field that must be text; empty where it is missing."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, str):
            raise Misuse(f"{name} in {PLACE} should be text", f'"{name}": "..."')
        return value or ""


async def read(request: Request) -> Asked:
    """Read a JSON object or a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return _form(await request.form(max_fields=MOST_FIELDS, max_files=8, max_part_size=BLOCK_BYTES))
    if kind not in ("application/json", ""):
        raise Misuse(f"a body of type {kind!r:.60} is not understood", "send application/json or multipart/form-data")
    return Asked(fields=_object(await request.body()))


def chosen(settings: Settings, fields: Mapping[str, Any], names: tuple[str, ...] = PAINTING + HEARING) -> Settings:
    """Set what a client asks for; null leaves a field as it is."""
    given = {name: fields[name] for name in names if fields.get(name) not in (None, "")}
    for name, kind in MODELS.items():
        if name in given:
            _check_model(given[name], kind)
    for name in CHOICES.keys() & given.keys():
        if given[name] not in CHOICES[name]:
            hint = f"choose one of: {', '.join(CHOICES[name])}"
            raise Misuse(f"{name} in {PLACE} cannot be {given[name]!r:.60}", hint)
    result = changed(settings, given, PLACE)
    if not 1 <= result.count <= MOST_COUNT:
        raise Misuse(f"count must lie between 1 and {MOST_COUNT}, not {result.count}", "ask for fewer, more often")
    return result


def only(fields: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Refuse fields that mean nothing here: a typing error should not be ignored."""
    for name in fields.keys() - set(names):
        raise Misuse(f"{PLACE} names an unknown field, {name[:60]!r}", f"the fields are: {', '.join(names)}")


def kept(gallery: Gallery, wanted: object) -> Kept:
    """Find a picture by its whole id."""
    if not isinstance(wanted, str) or not ID.fullmatch(wanted):
        raise Misuse(f"{wanted!r:.60} is not a picture's id", "GET /v1/gallery lists them")
    return gallery.show(wanted)


async def store(upload: UploadFile, path: Path, most: int) -> Path:
    """Write an upload to a file, a block at a time."""
    return await run_in_threadpool(_store, upload, path, most)


def _store(upload: UploadFile, path: Path, most: int) -> Path:
    size = 0
    try:
        with path.open("xb") as file:
            while block := upload.file.read(BLOCK_BYTES):
                size += file.write(block)
                if size > most:
                    raise Misuse(f"the file is larger than {most:,} bytes", "send less, or raise most_upload")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise files.not_written(path, error) from error
    except Misuse:
        path.unlink(missing_ok=True)
        raise
    if not size:
        path.unlink()
        raise Misuse("the file is empty", "send a recording")
    return path


def _form(form: FormData) -> Asked:
    texts = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    uploads = tuple((name, value) for name, value in form.multi_items() if isinstance(value, UploadFile))
    return Asked(fields=texts, files=uploads)


def _object(body: bytes) -> dict[str, Any]:
    try:
        table = json.loads(body)
        json.dumps(table, ensure_ascii=False).encode()  # half a character, which JSON can name, cannot be written
    except (ValueError, RecursionError) as error:
        raise Misuse(f"the body is not JSON: {error!s:.100}", EXAMPLE) from error
    if not isinstance(table, dict):
        raise Misuse("the body is not a JSON object", EXAMPLE)
    return table


def _check_model(name: object, kind: str) -> None:
    """A model is a name: what is no name of the catalogue might be a path."""
    names = {model.name for model in catalogue.load().models if model.kind == kind}
    if not isinstance(name, str) or name not in names | {"demo"}:
        raise ModelMissing(f"there is no {kind} model {name!r:.60}", "GET /v1/models lists those that are here")
