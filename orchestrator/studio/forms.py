"""Requests as fields and files: read from JSON or a form, checked, and stored.

No field is a path: a model is a name in the catalogue, a picture is an id in the gallery.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from orchestrator import catalogue, files
from orchestrator.errors import Misuse, ModelMissing
from orchestrator.events import Kept
from orchestrator.gallery import ID, Gallery
from orchestrator.settings import Settings, override
from orchestrator.studio.fields import FIELDS, MOST_COUNT

MOST_FIELDS = 100
BLOCK_BYTES = 1 << 20
EMPTY = (None, "")  # values that are the same as leaving the field out
PLACE = "the request"
EXAMPLE = 'send an object such as {"prompt": "a red house"}'


@dataclass(frozen=True, kw_only=True)
class Form:
    """A request's fields and files."""

    fields: Mapping[str, Any]
    files: tuple[tuple[str, UploadFile], ...] = field(default=())

    def file(self, *names: str) -> UploadFile | None:
        """Return the first file sent under one of these names."""
        return next((upload for name, upload in self.files if name in names), None)

    def text(self, name: str) -> str:
        """Return a field that must be text; '' if it is missing."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, str):
            raise Misuse(f"{name} in {PLACE} should be text", f'"{name}": "..."')
        return value or ""


async def read(request: Request) -> Form:
    """Read a JSON object or a form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return _form(await request.form(max_fields=MOST_FIELDS, max_files=8, max_part_size=BLOCK_BYTES))
    if kind not in ("application/json", ""):
        raise Misuse(f"a body of type {kind!r:.60} is not supported", "send application/json or multipart/form-data")
    return Form(fields=_object(await request.body()))


def check_names(fields: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse unknown fields: a typing error should not be ignored."""
    known = list(names)
    for name in fields.keys() - set(known):
        raise Misuse(f"{PLACE} names an unknown field, {name[:60]!r}", f"the fields are: {', '.join(known)}")


def apply(settings: Settings, fields: Mapping[str, Any]) -> Settings:
    """Return the settings with a request's choices set; null and '' leave a setting as it is."""
    given = {name: fields[name] for name in FIELDS if fields.get(name) not in EMPTY}
    for name, value in given.items():
        values = FIELDS[name].values
        if name in catalogue.load().role_by_setting:
            _check_model(value, catalogue.load().role_by_setting[name])
        elif values and value not in values:
            raise Misuse(f"{name} in {PLACE} cannot be {value!r:.60}", f"choose one of: {', '.join(values)}")
    result = override(settings, given, PLACE)
    if not 1 <= result.count <= MOST_COUNT:
        raise Misuse(f"count must be between 1 and {MOST_COUNT}, not {result.count}", "send several requests")
    return result


def find_picture(gallery: Gallery, wanted: object) -> Kept:
    """Find a picture by its whole id."""
    if not isinstance(wanted, str) or not ID.fullmatch(wanted):
        raise Misuse(f"{wanted!r:.60} is not a picture's id", "GET /v1/gallery lists them")
    return gallery.show(wanted)


def store(upload: UploadFile, path: Path, most: int) -> Path:
    """Write an upload to a file, a block at a time."""
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


def _form(form: FormData) -> Form:
    texts = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    uploads = tuple((name, value) for name, value in form.multi_items() if isinstance(value, UploadFile))
    return Form(fields=texts, files=uploads)


def _object(body: bytes) -> dict[str, Any]:
    try:
        table = json.loads(body)
        json.dumps(table, ensure_ascii=False).encode()  # JSON can name half of a surrogate pair; UTF-8 cannot
    except (ValueError, RecursionError) as error:
        raise Misuse(f"the body is not JSON: {error!s:.100}", EXAMPLE) from error
    if not isinstance(table, dict):
        raise Misuse("the body is not a JSON object", EXAMPLE)
    return table


def _check_model(name: object, kind: str) -> None:
    """Refuse what is not a name in the catalogue: it might be a path."""
    names = {model.name for model in catalogue.load().models if model.kind == kind}
    if not isinstance(name, str) or name not in names | {"demo"}:
        raise ModelMissing(f"there is no {kind} model {name!r:.60}", "GET /v1/models lists the installed ones")
