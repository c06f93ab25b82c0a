"""Model names as clients of OpenAI's API use them.

Programs written for OpenAI's models ask for those by name: each stands for the model that is used by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator import catalogue
from orchestrator.errors import ModelMissing
from orchestrator.settings import Settings
from orchestrator.studio.problems import UnknownModel, WrongField

OPENAIS = {
    "speech": re.compile(r"whisper-1|gpt-(4o-(mini-)?)?transcribe(-[\w.-]+)?"),
    "picture": re.compile(r"dall-e-[23]|gpt-image-[\w.-]+|chatgpt-image-latest"),
}
OWNER = "audio-to-image"


def setting(kind: str, wanted: object, settings: Settings) -> dict[str, str]:
    """Return the setting that chooses a model; none for the default."""
    if wanted in (None, ""):
        return {}
    if not isinstance(wanted, str):
        raise WrongField("model", "model should be a name", "GET /v1/models")
    if OPENAIS[kind].fullmatch(wanted) or wanted == _default(kind, settings):
        return {}
    if wanted in {chosen.name for chosen in catalogue.installed(settings) if chosen.kind == kind}:
        return {catalogue.load().roles[kind].setting: wanted}
    raise unknown(kind, wanted)


def unknown(kind: str, wanted: str) -> UnknownModel:
    """Make the error for a model that is not installed."""
    published = {model.name for model in catalogue.load().models if model.kind == kind}
    hint = f"audio-to-image models get {wanted}" if wanted in published else "GET /v1/models lists the installed ones"
    return UnknownModel("model", f"there is no {kind} model {wanted[:60]!r} installed", hint)


def installed(settings: Settings) -> list[Mapping[str, Any]]:
    """Describe the installed models."""
    found = {chosen.name: chosen for chosen in catalogue.installed(settings)}
    for kind in catalogue.load().roles:
        try:
            chosen = catalogue.choose(kind, settings)
        except ModelMissing:
            continue
        found.setdefault(chosen.name, chosen)
    return [_description(name, chosen) for name, chosen in found.items()]


def find(wanted: str, settings: Settings) -> Mapping[str, Any]:
    """Describe one model; for OpenAI's names, the one that stands in for it."""
    names = {model["id"]: model for model in installed(settings)}
    for kind, pattern in OPENAIS.items():
        if pattern.fullmatch(wanted):
            return names[catalogue.choose(kind, settings).name]
    if wanted not in names:
        known = catalogue.load()
        kind = next((model.kind for model in known.models if model.name == wanted), " or ".join(known.roles))
        raise unknown(kind, wanted)
    return names[wanted]


def _default(kind: str, settings: Settings) -> str:
    try:
        return catalogue.choose(kind, settings).name
    except ModelMissing:
        return ""


def _description(name: str, chosen: catalogue.Chosen) -> Mapping[str, Any]:
    return {"id": name, "object": "model", "created": int(chosen.path.stat().st_mtime), "owned_by": OWNER}
