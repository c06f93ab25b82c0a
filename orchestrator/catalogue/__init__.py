"""The catalogue of models, and which of them are on this machine.

A fact that could not be confirmed is empty in `catalogue.toml` and shown as "unknown".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

from orchestrator import files
from orchestrator.catalogue import seen
from orchestrator.catalogue.known import REINSTALL, Catalogue, Licence, Model, Role, parse
from orchestrator.catalogue.layout import OPENED
from orchestrator.errors import AudioToImageError, Misuse, ModelMissing
from orchestrator.settings import Settings, shipped_models

__all__ = ["Catalogue", "Chosen", "Licence", "Model", "Role", "parse"]

UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A model on this machine: what an engine opens, and what a recipe records."""

    name: str
    kind: str
    path: Path
    revision: str = ""
    demo: bool = False
    recorded: str = ""  # its digest when it arrived

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the model's file, or of the list of its files and their digests."""
        if self.recorded:
            return self.recorded
        return seen.digest_of(tuple(seen.look(self.path))) if self.path.is_dir() else files.sha256(self.path)


@cache
def load() -> Catalogue:
    """Read the program's catalogue."""
    path = shipped_models() / "catalogue.toml"
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise AudioToImageError(f"cannot read {path}: {error.strerror}", REINSTALL) from error


def here(model: Model, settings: Settings) -> Chosen | None:
    """Return a model on this machine; None if it is missing or incomplete."""
    if model.demo:
        path = shipped_models() / model.files[0]
        return Chosen(name=model.name, kind=model.kind, path=path, demo=True) if _stands(path) else None
    arrived, folder = seen.Seen.read(settings.models, model.name), settings.models / model.name
    if not arrived or arrived.damaged(folder):
        return None
    path = folder / opening(arrived.files)
    return Chosen(name=model.name, kind=model.kind, path=path, revision=arrived.commit, recorded=arrived.digest)


def installed(settings: Settings) -> tuple[Chosen, ...]:
    """Return the models on this machine, with the demo models."""
    found = (here(model, settings) for model in load().models)
    return tuple(chosen for chosen in found if chosen)


def choose(kind: str, settings: Settings) -> Chosen:
    """Choose the model, file or folder that the settings name; else the full model, else the demo model."""
    name: str = getattr(settings, load().roles[kind].setting)
    if name in ("", "demo"):
        demos = (model for model in load().models if model.demo and model.kind == kind)
        wanted = (*(load().full_models(kind) if not name else ()), *demos)
        chosen = next((found for model in wanted if (found := here(model, settings))), None)
        if chosen:
            return chosen
        raise ModelMissing(f"there is no {kind} model here", "audio-to-image models get")
    path = _expanded(name)
    if name not in {model.name for model in load().models} and files.kind(path):
        return Chosen(name=path.resolve().name, kind=kind, path=path.resolve())
    return _named(kind, load().find(name), settings)


def _expanded(name: str) -> Path:
    """Expand "~" as a shell does: that of an unknown user stays as it is."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def _named(kind: str, model: Model, settings: Settings) -> Chosen:
    if model.kind != kind:
        raise Misuse(f"{model.name} is a {model.kind} model, not a {kind} model", "audio-to-image models list")
    return where(model, settings)


def where(model: Model, settings: Settings) -> Chosen:
    """Return a model on this machine; raise ModelMissing with the command that fetches it."""
    chosen = here(model, settings)
    if chosen:
        return chosen
    raise ModelMissing(f"the model {model.name} is not here", f"audio-to-image models get {model.name}")


def opening(listed: tuple[seen.File, ...]) -> PurePosixPath:
    """Return what an engine opens of a model's files: the only file, or the folder with the UNet."""
    if len(listed) == 1:
        return PurePosixPath(listed[0].path)
    for file in sorted(listed, key=lambda each: each.path):
        path = PurePosixPath(file.path)
        for place in (path, *path.parents):
            if place.name in OPENED:
                return place.parent
    return PurePosixPath()


def table() -> str:
    """Write the README's table of models: one row per model, with its variants in the last column."""
    heads = ("model", "size", "memory", "licence", "from", "good for", "variants")
    models = load().models
    plain = [model for model in models if not any(_varies(model, other) for other in models)]
    rows = [heads, tuple("---" for _ in heads)]
    rows += [_row(model, [other for other in models if _varies(other, model)]) for model in plain]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(model: Model, variants: list[Model]) -> tuple[str, ...]:
    licence, unknown = model.licence, UNKNOWN if model.repository else "in the program"
    also = [f"`{each.name}`{f' ({each.size})' if each.size != model.size else ''}" for each in variants]
    source = f"{model.repository} at {model.revision or UNKNOWN}" if model.repository else unknown
    restricts = f"; forbids {licence.restricts}" if licence.restricts else ""
    terms = f"[{licence.name or UNKNOWN}]({licence.link}){restricts}"
    size, memory = model.size or unknown, model.memory or UNKNOWN
    return (f"`{model.name}`", size, memory, terms, source, model.good_for, ", ".join(also))


def _varies(model: Model, other: Model) -> bool:
    """Return whether one model is a variant of the other, as `base.en-q8_0` of `base.en`."""
    ends = ("-q5_0", "-q5_1", "-q8_0", "-original")
    return any(model.name == other.name + end for end in ends)


def _stands(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.iterdir()))
