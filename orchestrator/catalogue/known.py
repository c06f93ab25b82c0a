"""The values of the catalogue: models, their licences and their roles."""

from __future__ import annotations

import difflib
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from orchestrator import machine, typed
from orchestrator.errors import AudioToImageError, ModelMissing

REINSTALL = "install the program again: make clean demo"


@dataclass(frozen=True, kw_only=True)
class Licence:
    """The terms for using a model."""

    name: str = ""
    link: str = ""
    restricts: str = ""  # what it does not allow; empty: nothing


@dataclass(frozen=True, kw_only=True)
class Role:
    """What models are used for."""

    name: str
    setting: str  # that names the model
    full: Mapping[str, str]  # the full model by machine: "mac", "mac-large", or "any" for every other one

    def __post_init__(self) -> None:
        if "any" not in self.full:
            raise ValueError(f"{self.name} has no full model for any machine")


@dataclass(frozen=True, kw_only=True)
class Model:
    """What is known about a model before it is fetched."""

    name: str
    kind: str  # the name of its role
    repository: str = ""  # on the hub; empty: shipped with the program
    mirrors: tuple[str, ...] = ()
    revision: str = ""
    files: tuple[str, ...] = ()  # patterns, as in a shell
    without: tuple[str, ...] = ()  # patterns of files to leave out
    size: str = ""  # as published
    sha1: str = ""  # of its one file
    licence: Licence = Licence()
    memory: str = ""
    engine: str = ""
    compute_unit: str = ""
    convert: str = ""  # how it is converted when it arrives: onnx, or unzip
    good_for: str = ""

    @property
    def demo(self) -> bool:
        return not self.repository


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Every model, and every role by name."""

    models: tuple[Model, ...]
    roles: Mapping[str, Role]

    @property
    def role_by_setting(self) -> Mapping[str, str]:
        """Map each setting that names a model to the model's role."""
        return {role.setting: name for name, role in self.roles.items()}

    def find(self, name: str) -> Model:
        """Find a model by its name; raise ModelMissing, naming a similar one, if there is none."""
        names = {model.name: model for model in self.models}
        if name in names:
            return names[name]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "audio-to-image models list"
        raise ModelMissing(f"there is no model {name!r}", hint)

    def full_models(self, kind: str, chip: str | None = None) -> tuple[Model, ...]:
        """Return the full models of a role for this machine, or for one with a given chip, the best first."""
        chip, full = _mac_chip() if chip is None else chip, self.roles[kind].full
        machines: tuple[str, ...] = ()
        if chip.startswith("Apple"):  # Intel Macs have no Neural Engine and paint like any other machine
            large = any(word in chip.split() for word in ("Max", "Ultra"))
            machines = ("mac-large", "mac") if large else ("mac", "mac-large")
        names = [full[each] for each in machines if each in full] or [full["any"]]
        return tuple(map(self.find, names))


def parse(content: bytes) -> Catalogue:
    """Read a catalogue from a file's content."""
    try:
        table = tomllib.loads(content.decode())
        models = tuple(_model(family, row) for family in table["family"] for row in family["models"])
        roles = {name: typed.build(Role, row | {"name": name}) for name, row in table["roles"].items()}
        return Catalogue(models=models, roles=roles)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AudioToImageError(f"the catalogue of models is damaged: {error!r:.200}", REINSTALL) from error


def _model(family: Mapping[str, Any], row: Mapping[str, Any]) -> Model:
    """Make a model of its family's facts and its own."""
    names = {field.name for field in fields(Model)}
    facts = {name: value for name, value in ({**family, **row}).items() if name in names}
    facts["licence"] = Licence(**facts.get("licence", {}))
    for name in ("files", "without", "mirrors"):
        facts[name] = tuple(text.replace("{name}", row["name"]) for text in facts.get(name, ()))
    return Model(**facts)


@cache
def _mac_chip() -> str:
    return machine.chip() if sys.platform == "darwin" else ""
