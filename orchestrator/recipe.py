"""A Recipe: everything that made a picture, to and from JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator import typed
from orchestrator.errors import AudioToImageError

FORMAT = 1  # of the JSON; later versions may add fields, which are ignored here
MAX_BYTES = 4 << 20  # of the JSON: the words of some forty hours


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one picture was made, with the names of flags and settings; empty means unknown or unused."""

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
    removed: tuple[str, ...] = ()  # what was removed from it
    recording: str = ""  # SHA-256 of the sound
    hearer: str = ""
    speech_model: str = ""
    speech_model_revision: str = ""
    speech_model_digest: str = ""
    language: str = ""
    translate: bool = False
    strength: float | None = None  # only if it was painted from another picture
    parent: str = ""  # the id of that picture
    parent_pixels: str = ""  # SHA-256 of its pixels
    image: str = ""  # SHA-256 of the file, if that picture is not in the gallery
    timings: Mapping[str, float] = field(default_factory=dict)  # seconds
    made: str = ""  # ISO 8601, UTC; set by the gallery
    id: str = ""  # set by the gallery
    pixels: str = ""  # SHA-256 of the rows of RGB; set when the PNG is written

    def to_json(self) -> str:
        """Write the recipe as one line of JSON."""
        return json.dumps({"format": FORMAT} | asdict(self), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read a recipe from untrusted JSON; raise NotARecipe unless every field has its type."""
        if len(text) > MAX_BYTES:
            raise NotARecipe(f"a recipe of {len(text):,} characters is too long")
        try:
            return typed.build(cls, json.loads(text, parse_constant=_refuse))
        except (ValueError, TypeError, RecursionError) as error:
            raise NotARecipe(f"this is not a recipe: {error}") from error


class NotARecipe(AudioToImageError):
    """Raised for JSON that is not a recipe."""


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number")
