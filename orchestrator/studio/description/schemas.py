"""The program's own types and tables come in; JSON Schemas of what a client may send and will be sent go out.

Nothing is written twice: types are those of `Settings` and `Recipe`, choices and limits those that refuse.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

from orchestrator import catalogue
from orchestrator.gallery import ID
from orchestrator.paint import MAX_CHARACTERS, MAX_SEED, MAX_STEPS
from orchestrator.recipe import Recipe
from orchestrator.settings import Settings
from orchestrator.studio import answers, asked
from orchestrator.studio.openai import audio, images, spoken

Schema = dict[str, Any]
KINDS = {str: "string", int: "integer", float: "number", bool: "boolean"}
LIMITS = {
    "seed": (0, MAX_SEED - asked.MOST_COUNT + 1),
    "steps": (1, MAX_STEPS),
    "guidance": (0, 100),
    "strength": (0, 1),
    "count": (1, asked.MOST_COUNT),
}
BINARY: Schema = {"type": "string", "format": "binary"}
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
PROMPT: Schema = {"type": "string", "maxLength": MAX_CHARACTERS}
PICTURE_ID: Schema = {"type": "string", "pattern": f"^{ID.pattern}$"}
NULL: Schema = {"type": "null"}


def closed(properties: Mapping[str, Any], required: Iterable[str] | None = None) -> Schema:
    """Describe an object that has these properties and no others; all of them, unless told."""
    needed = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), "required": needed, "additionalProperties": False}


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def one_of(values: Sequence[str]) -> Schema:
    return {"type": "string", "enum": list(values)}


def named(name: str) -> Schema:
    """Point to a schema of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def of_type(hint: Any) -> Schema:
    """Describe a type as it is written in JSON."""
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
    """Describe a field that sets a preference: null leaves it as the server has it."""
    if name in asked.CHOICES:
        return {"enum": [*asked.CHOICES[name], None]}
    roles = catalogue.load().role_by_setting
    if name in roles:
        known = [model.name for model in catalogue.load().models if model.kind == roles[name]]
        return {"enum": [*known, "demo", None]}
    hint = get_type_hints(Settings)[name]
    kind = next(each for each in (*get_args(hint), hint) if each in KINDS)
    schema: Schema = {"type": [KINDS[kind], "null"]}
    if name in LIMITS:
        schema["minimum"], schema["maximum"] = LIMITS[name]
    return schema | ({"maxLength": MAX_CHARACTERS} if kind is str else {})


def fields(names: Iterable[str]) -> dict[str, Schema]:
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
STATUS = closed(
    {
        "version": TEXT,
        "engines": closed({"speech": named("Engine"), "picture": named("Engine")}),
        "listening": {"type": "boolean"},
        "jobs": closed({"running": WHOLE, "waiting": WHOLE, "most": WHOLE}),
        "choices": {
            "type": "object",
            "properties": {
                **{name: listed(TEXT) for name in ("samplers", "spacings", "models", "speech_models", "languages")},
                "defaults": {"type": "object"},
            },
            "required": ["samplers", "spacings", "models", "speech_models", "languages", "defaults"],
        },
        "limits": {"type": "object", "additionalProperties": NUMBER},
    }
)
ERROR = closed(
    {
        "error": closed(
            {
                "message": TEXT,
                "type": one_of(("invalid_request_error", "server_error", *answers.TYPES.values())),
                "param": {"type": ["string", "null"]},
                "code": TEXT,
                "hint": {"type": "string", "description": "What repairs it."},
            }
        )
    }
)
WISH = {"prompt": PROMPT, **dict.fromkeys(("repaint", "again", "refine", "image"), PICTURE_ID)}
WISH |= fields((*asked.PAINTING, *asked.HEARING))
ONE_WAY = [{"required": [name]} for name in ("prompt", "repaint", "again")]
IMAGE_WISH: dict[str, Schema] = {
    "prompt": PROMPT | {"minLength": 1},
    "model": {"type": ["string", "null"]},
    "n": {"type": ["integer", "null"], "minimum": 1, "maximum": asked.MOST_COUNT},
    "size": {"type": ["string", "null"], "examples": ["auto", "512x512"]},
    "response_format": {"enum": [*images.FORMATS, None]},
    **fields(images.OURS),
    **{name: {"enum": [*values, None]} if values else {} for name, values in images.PLAIN.items()},
}
SPEECH_WISH: dict[str, Schema] = {
    "file": BINARY,
    "model": TEXT,
    "language": one_of(asked.CHOICES["language"]),
    "response_format": one_of(spoken.FORMATS),
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
SCHEMAS: dict[str, Schema] = {
    "Error": ERROR,
    "Picture": PICTURE,
    "Failure": FAILURE,
    "Job": JOB,
    "Engine": ENGINE,
    "Status": STATUS,
    "Model": MODEL,
    "Images": IMAGES,
    "Transcript": TRANSCRIPT,
    "PictureWish": closed(WISH, required=()) | {"anyOf": ONE_WAY},
    "PictureForm": closed(WISH | {"file": BINARY}, required=()) | {"anyOf": [*ONE_WAY, {"required": ["file"]}]},
    "ImageWish": closed(IMAGE_WISH, required=("prompt",)),
    "EditForm": closed(IMAGE_WISH | {"image": BINARY}, required=("image", "prompt")),
    "SpeechForm": closed(SPEECH_WISH, required=("file",)),
}
