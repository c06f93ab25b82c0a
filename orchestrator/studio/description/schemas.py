"""JSON Schemas of what clients send and receive, made from `choices.py`, `Settings` and `Recipe`."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

from orchestrator import catalogue
from orchestrator.choices import MAX_CHARACTERS
from orchestrator.gallery import ID
from orchestrator.recipe import Recipe
from orchestrator.settings import Settings
from orchestrator.studio import problems
from orchestrator.studio.fields import FIELDS, MOST_COUNT
from orchestrator.studio.openai import audio, images, transcript

Schema = dict[str, Any]
KINDS = {str: "string", int: "integer", float: "number", bool: "boolean"}
BINARY: Schema = {"type": "string", "format": "binary"}
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
PROMPT: Schema = {"type": "string", "maxLength": MAX_CHARACTERS}
PICTURE_ID: Schema = {"type": "string", "pattern": f"^{ID.pattern}$"}
NULL: Schema = {"type": "null"}


def closed(properties: Mapping[str, Any], required: Iterable[str] | None = None) -> Schema:
    """Describe an object with these properties and no others; all are required by default."""
    needed = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), "required": needed, "additionalProperties": False}


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def one_of(values: Sequence[str]) -> Schema:
    return {"type": "string", "enum": list(values)}


def named(name: str) -> Schema:
    """Refer to a schema of `components`."""
    return {"$ref": f"#/components/schemas/{name}"}


def of_type(hint: Any) -> Schema:
    """Describe a type's JSON."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is types.NoneType:
        return NULL
    if origin in (Union, types.UnionType):
        return {"anyOf": [of_type(each) for each in arguments]}
    if origin is tuple:
        return listed(of_type(arguments[0]))
    if origin is not None:
        return {"type": "object", "additionalProperties": of_type(arguments[1])}
    return {"type": KINDS[hint]}


def field(name: str) -> Schema:
    """Describe a field that sets a choice; null leaves the choice to the server."""
    known = FIELDS[name]
    about: Schema = {"description": known.help}
    roles = catalogue.load().role_by_setting
    if name in roles:
        models = [model.name for model in catalogue.load().models if model.kind == roles[name]]
        return about | {"enum": [*models, "demo", None]}
    if known.values:
        return about | {"enum": [*known.values, None]}
    hint = get_type_hints(Settings)[name]
    kind = next(each for each in (*get_args(hint), hint) if each in KINDS)
    limits = {"minimum": known.least, "maximum": known.most, "maxLength": MAX_CHARACTERS if kind is str else None}
    return about | {"type": [KINDS[kind], "null"]} | {name: most for name, most in limits.items() if most is not None}


def fields(names: Iterable[str]) -> dict[str, Schema]:
    """Describe several fields."""
    return {name: field(name) for name in names}


PICTURE = closed({name: of_type(hint) for name, hint in get_type_hints(Recipe).items()} | {"url": TEXT})
FAILURE = closed({"message": TEXT, "hint": TEXT, "code": TEXT})
JOB = closed(
    {
        "id": TEXT,
        "what": TEXT,
        "text": TEXT,
        "made": TEXT,
        "state": one_of(("running", "done", "failed", "lost")),
        "pictures": listed(named("Picture")),
        "error": {"anyOf": [named("Failure"), NULL]},
    }
)
ENGINE = closed(
    {
        "model": TEXT,
        "demo": {"type": "boolean"},
        "state": one_of(("cold", "loading", "warm", "busy", "missing")),
        "waiting": WHOLE,
        "hint": TEXT,
    }
)
ERROR = closed(
    {
        "error": closed(
            {
                "message": TEXT,
                "type": one_of(("invalid_request_error", "server_error", *problems.TYPES.values())),
                "param": {"type": ["string", "null"]},
                "code": TEXT,
                "hint": {"type": "string", "description": "What repairs it."},
            }
        )
    }
)
ONE_WAY = [{"required": [name]} for name in ("prompt", "repaint", "again")]
SPEECH_WISH: dict[str, Schema] = {
    "file": BINARY,
    "model": TEXT,
    "language": one_of(FIELDS["language"].values),
    "response_format": one_of(transcript.FORMATS),
    "stream": one_of(("true", "false")),
    audio.TIMES: one_of(("segment",)),
    **dict.fromkeys(("prompt", *audio.OURS), PROMPT),
    **{name: TEXT for name in audio.IGNORED if name != audio.TIMES},
}
MODEL = closed({"id": TEXT, "object": one_of(("model",)), "created": WHOLE, "owned_by": TEXT})
IMAGES = closed(
    {
        "created": WHOLE,
        "background": TEXT,
        "output_format": one_of(("png",)),
        "size": TEXT,
        "data": listed(closed({"url": TEXT, "b64_json": TEXT}, required=())),
    }
)
TRANSCRIPT: Schema = {
    "type": "object",
    "properties": {"text": TEXT, "duration": NUMBER, "language": TEXT, "segments": listed({"type": "object"})},
    "required": ["text", "usage"],
}


def components() -> dict[str, Schema]:
    """Return all named schemas; reads the catalogue for the models' names."""
    wish = {"prompt": PROMPT, **dict.fromkeys(("repaint", "again", "refine", "image"), PICTURE_ID), **fields(FIELDS)}
    image_wish = _image_wish()
    return {
        "Error": ERROR,
        "Picture": PICTURE,
        "Failure": FAILURE,
        "Job": JOB,
        "Engine": ENGINE,
        "Status": _status(),
        "Model": MODEL,
        "Images": IMAGES,
        "Transcript": TRANSCRIPT,
        "PictureWish": closed(wish, required=()) | {"anyOf": ONE_WAY},
        "PictureForm": closed(wish | {"file": BINARY}, required=()) | {"anyOf": [*ONE_WAY, {"required": ["file"]}]},
        "ImageWish": closed(image_wish, required=("prompt",)),
        "EditForm": closed(image_wish | {"image": BINARY}, required=("image", "prompt")),
        "SpeechForm": closed(SPEECH_WISH, required=("file",)),
    }


def _image_wish() -> dict[str, Schema]:
    return {
        "prompt": PROMPT | {"minLength": 1},
        "model": {"type": ["string", "null"]},
        "n": {"type": ["integer", "null"], "minimum": 1, "maximum": MOST_COUNT},
        "size": {"type": ["string", "null"], "examples": ["auto", "512x512"]},
        "response_format": {"enum": [*images.FORMATS, None]},
        **fields(images.OURS),
        **{name: {"enum": [*values, None]} if values else {} for name, values in images.PLAIN.items()},
    }


def _status() -> Schema:
    return closed(
        {
            "version": TEXT,
            "engines": closed({kind: named("Engine") for kind in catalogue.load().roles}),
            "listening": {"type": "boolean"},
            "jobs": closed({"running": WHOLE, "waiting": WHOLE, "most": WHOLE}),
            "choices": {
                "type": "object",
                "properties": {
                    **{name: listed(TEXT) for name in ("samplers", "spacings", "models", "speech_models", "languages")},
                    "painting": {"type": "object", "description": "The schema of each choice of how to paint."},
                    "defaults": {"type": "object", "description": "The values of choices that a request leaves out."},
                },
                "required": ["samplers", "spacings", "models", "speech_models", "languages", "painting", "defaults"],
            },
            "limits": {"type": "object", "additionalProperties": NUMBER},
        }
    )
