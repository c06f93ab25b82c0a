"""Which models there are, and which of them are here.

Comes in: `catalogue.toml`, a name, the settings. Goes out: a Model, or the Chosen one and its place on this machine.
A fact that could not be confirmed is empty there and shown as "unknown".
"""

from __future__ import annotations

import difflib
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator import files, shell
from orchestrator.catalogue import seen
from orchestrator.catalogue.layout import OPENED
from orchestrator.errors import AudioToImageError, Misuse, ModelMissing
from orchestrator.settings import Settings, shipped_models

UNPINNED = "unknown"
REINSTALL = "install the program anew: make clean demo"
KINDS = {"speech": "speech_model", "picture": "model"}  # each with the setting that names one


@dataclass(frozen=True, kw_only=True)
class Licence:
    """Under which terms a model may be used."""

    name: str = ""
    link: str = ""
    restricts: str = ""  # what it does not allow; empty: it lets anyone do anything


@dataclass(frozen=True, kw_only=True)
class Model:
    """What is known of one model before it is here."""

    name: str
    kind: str  # speech or picture
    repository: str = ""  # on the hub; empty: it comes with the program
    mirrors: tuple[str, ...] = ()
    revision: str = ""
    files: tuple[str, ...] = ()  # patterns, as the shell's
    without: tuple[str, ...] = ()  # patterns of what is left out of them
    size: str = ""  # as published
    sha1: str = ""  # of its one file
    licence: Licence = Licence()
    memory: str = ""
    engine: str = ""
    compute_unit: str = ""
    convert: str = ""  # what it is made into when it arrives: onnx, or unzip
    good_for: str = ""

    @property
    def demo(self) -> bool:
        return not self.repository


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A model that is here: what an engine opens, and what a recipe says of it."""

    name: str
    kind: str
    path: Path
    revision: str = ""
    demo: bool = False
    recorded: str = ""  # its digest when it arrived

    @cached_property
    def digest(self) -> str:
        """Tell the SHA-256 of the model's file, or of the list of its files and their digests."""
        if self.recorded:
            return self.recorded
        return seen.digest_of(tuple(seen.look(self.path))) if self.path.is_dir() else files.sha256(self.path)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Every model by name, and which ones are the full ones."""

    models: tuple[Model, ...]
    full: Mapping[str, str]

    def find(self, name: str) -> Model:
        """Find a model by its name; raises ModelMissing with the nearest one where there is none."""
        names = {model.name: model for model in self.models}
        if name in names:
            return names[name]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "audio-to-image models list"
        raise ModelMissing(f"there is no model {name!r}", hint)

    def full_models(self, kind: str, chip: str | None = None) -> tuple[Model, ...]:
        """Name the full models for this machine, or for one with a given chip, the best first."""
        chip = _chip() if chip is None else chip
        machines: tuple[str, ...] = ("speech",) if kind == "speech" else ("elsewhere",)
        if kind == "picture" and chip.startswith("Apple"):
            large = any(word in chip.split() for word in ("Max", "Ultra"))
            machines = ("mac-large", "mac") if large else ("mac", "mac-large")
        return tuple(self.find(self.full[machine]) for machine in machines)


@cache
def load() -> Catalogue:
    """Read the catalogue that came with the program."""
    path = shipped_models() / "catalogue.toml"
    try:
        return parsed(path.read_bytes())
    except OSError as error:
        raise AudioToImageError(f"cannot read {path}: {error.strerror}", REINSTALL) from error


def parsed(content: bytes) -> Catalogue:
    """Make a catalogue of a file's content."""
    try:
        table = tomllib.loads(content.decode())
        models = tuple(_model(family, row) for family in table["family"] for row in family["models"])
        return Catalogue(models=models, full=table["full"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AudioToImageError(f"the catalogue of models is damaged: {error!r:.200}", REINSTALL) from error


def here(model: Model, settings: Settings) -> Chosen | None:
    """Tell where a model stands on this machine; None where it does not, or not whole."""
    if model.demo:
        path = shipped_models() / model.files[0]
        return Chosen(name=model.name, kind=model.kind, path=path, demo=True) if _stands(path) else None
    arrived, folder = seen.Seen.read(settings.models, model.name), settings.models / model.name
    if not arrived or arrived.damaged(folder):
        return None
    path = folder / opening(arrived.files)
    return Chosen(name=model.name, kind=model.kind, path=path, revision=arrived.commit, recorded=arrived.digest)


def installed(settings: Settings) -> tuple[Chosen, ...]:
    """Tell which models are here, the demo pair included."""
    found = (here(model, settings) for model in load().models)
    return tuple(chosen for chosen in found if chosen)


def choose(kind: str, settings: Settings) -> Chosen:
    """Choose the model, file or folder that the settings name; else the full model if it is here, else the demo."""
    name: str = getattr(settings, KINDS[kind])
    demo = load().find(f"demo-{kind}")
    if name in ("", "demo"):
        wanted = (*(load().full_models(kind) if not name else ()), demo)
        chosen = next((found for model in wanted if (found := here(model, settings))), None)
        if chosen:
            return chosen
        raise ModelMissing(f"there is no {kind} model here", "audio-to-image models get")
    path = _expanded(name)
    if name not in {model.name for model in load().models} and files.kind(path):
        return Chosen(name=path.resolve().name, kind=kind, path=path.resolve())
    return _named(kind, load().find(name), settings)


def _expanded(name: str) -> Path:
    """Read a path as a shell would; the home of somebody unknown is a folder's odd name."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def _named(kind: str, model: Model, settings: Settings) -> Chosen:
    if model.kind != kind:
        raise Misuse(f"{model.name} is a {model.kind} model, not a {kind} model", "audio-to-image models list")
    return where(model, settings)


def where(model: Model, settings: Settings) -> Chosen:
    """Tell where a model stands; raises ModelMissing with the command that brings it."""
    chosen = here(model, settings)
    if chosen:
        return chosen
    raise ModelMissing(f"the model {model.name} is not here", f"audio-to-image models get {model.name}")


def opening(listed: tuple[seen.File, ...]) -> PurePosixPath:
    """Tell what an engine opens of a model's files: the one there is, or the folder that its UNet stands in."""
    if len(listed) == 1:
        return PurePosixPath(listed[0].path)
    for file in sorted(listed, key=lambda each: each.path):
        path = PurePosixPath(file.path)
        for place in (path, *path.parents):
            if place.name in OPENED:
                return place.parent
    return PurePosixPath()


def table() -> str:
    """Draw the README's table of models: one row a model, its variants at the row's end."""
    heads = ("model", "size", "memory", "licence", "from", "good for", "variants")
    models = load().models
    plain = [model for model in models if not any(_varies(model, other) for other in models)]
    rows = [heads, tuple("---" for _ in heads)]
    rows += [_row(model, [other for other in models if _varies(other, model)]) for model in plain]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(model: Model, variants: list[Model]) -> tuple[str, ...]:
    licence, unpinned = model.licence, UNPINNED if model.repository else "in the program"
    also = [f"`{each.name}`{f' ({each.size})' if each.size != model.size else ''}" for each in variants]
    source = f"{model.repository} at {model.revision or UNPINNED}" if model.repository else unpinned
    restricts = f"; forbids {licence.restricts}" if licence.restricts else ""
    terms = f"[{licence.name or UNPINNED}]({licence.link}){restricts}"
    size, memory = model.size or unpinned, model.memory or UNPINNED
    return (f"`{model.name}`", size, memory, terms, source, model.good_for, ", ".join(also))


def _varies(model: Model, other: Model) -> bool:
    """Tell whether one model is the other in another form: `base.en-q8_0` of `base.en`."""
    ends = ("-q5_0", "-q5_1", "-q8_0", "-original")
    return any(model.name == other.name + end for end in ends)


def _model(family: Mapping[str, Any], row: Mapping[str, Any]) -> Model:
    """Make a model of what its family shares and what is its own."""
    names = {field.name for field in fields(Model)}
    facts = {name: value for name, value in ({**family, **row}).items() if name in names}
    facts["licence"] = Licence(**facts.get("licence", {}))
    for name in ("files", "without", "mirrors"):
        facts[name] = tuple(text.replace("{name}", row["name"]) for text in facts.get(name, ()))
    return Model(**facts)


def _stands(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


@cache
def _chip() -> str:
    """Ask a Mac for its chip; Intel's have no Neural Engine and paint like any other machine."""
    if sys.platform != "darwin":
        return ""
    return shell.run(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]).stdout.decode().strip()
