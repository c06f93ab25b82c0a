"""Everything that made a picture: a Recipe, to and from JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from orchestrator.errors import AudioToImageError

FORMAT = 1  # of the JSON; a later one may add fields, which are passed over here
MAX_BYTES = 4 << 20  # of the JSON: the words of some forty hours


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One picture's making, in the one spelling that flags and settings share; empty means unknown or not so."""

    prompt: str
    seed: int
    steps: int
    guidance: float
    sampler: str
    spacing: str
    width: int
    height: int
    model: str
    engine: str
    compute_unit: str
    negative: str = ""
    model_revision: str = ""
    model_digest: str = ""
    threads: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)  # of the program, Python and the engines' libraries
    transcript: str = ""  # as heard
    removed: tuple[str, ...] = ()  # what the filter took from it
    recording: str = ""  # SHA-256 of the sound
    hearer: str = ""
    speech_model: str = ""
    speech_model_revision: str = ""
    speech_model_digest: str = ""
    language: str = ""
    translate: bool = False
    strength: float | None = None  # only where it was painted from another picture
    parent: str = ""  # the id of that picture
    parent_pixels: str = ""  # SHA-256 of its pixels
    image: str = ""  # SHA-256 of the file, where that picture came from a file
    timings: Mapping[str, float] = field(default_factory=dict)  # seconds
    made: str = ""  # ISO 8601, UTC; set by the gallery
    id: str = ""  # set by the gallery
    pixels: str = ""  # SHA-256 of the rows of RGB; set where the PNG is written

    def to_json(self) -> str:
        """Write the recipe as one line of JSON."""
        return json.dumps({"format": FORMAT} | asdict(self), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read a recipe that anyone may have written; raises NotARecipe unless every field has its type."""
        if len(text) > MAX_BYTES:
            raise NotARecipe(f"a recipe of {len(text):,} characters is too long")
        try:
            values = json.loads(text, parse_constant=_refuse)
            return cls(**{name: _checked(name, values[name]) for name in _KINDS if name in values})
        except (ValueError, TypeError, RecursionError) as error:
            raise NotARecipe(f"this is not a recipe: {error}") from error


class NotARecipe(AudioToImageError):
    """JSON that does not describe a picture's making."""


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number")


def _checked(name: str, value: Any) -> Any:
    return _KINDS[name](value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.50} is not text")
    value.encode()  # half a character fails here rather than in the database
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise TypeError(f"{value!r:.50} is not a whole number")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.50} is not a number")
    return float(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r:.50} is neither true nor false")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r:.50} is not a list")
    return tuple(_text(item) for item in value)


def _mapping(check: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    def checked(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise TypeError(f"{value!r:.50} is not a table")
        return {_text(key): check(item) for key, item in value.items()}

    return checked


def _optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "int": _whole,
    "float": _number,
    "bool": _truth,
    "float | None": _optional(_number),
    "tuple[str, ...]": _texts,
    "Mapping[str, str]": _mapping(_text),
    "Mapping[str, float]": _mapping(_number),
}
_KINDS = {each.name: _CHECKS[str(each.type)] for each in fields(Recipe)}
