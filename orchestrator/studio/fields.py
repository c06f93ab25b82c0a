"""The choices that clients may make over the API: those of `choices.py`, within this server's limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.choices import LANGUAGES, MAX_SEED, Choice, Hearing, PaintEngine, Painting, choices

MOST_COUNT = 16  # pictures of one request
SERVER_ONLY = {"hearer", "batch"}  # chosen by the person who runs the server
NARROWER: Mapping[str, Mapping[str, Any]] = {
    "count": {"most": MOST_COUNT},
    "seed": {"most": MAX_SEED - MOST_COUNT + 1},
    "language": {"values": ("auto", *LANGUAGES)},
}


def _fields(*kinds: type) -> Mapping[str, Choice]:
    found = {name: known for kind in kinds for name, known in choices(kind).items() if name not in SERVER_ONLY}
    return {name: replace(known, **NARROWER.get(name, {})) for name, known in found.items()}


PAINTING = _fields(Painting, PaintEngine)
HEARING = _fields(Hearing)
FIELDS: Mapping[str, Choice] = {**PAINTING, **HEARING}
