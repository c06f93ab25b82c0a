"""Which models there are, and which of them are here.

Comes in: `catalogue.toml`, a name, the settings. Goes out: a Model, or the Chosen one and its place on this machine.
A fact that nobody established is empty there and "unpinned" wherever it is shown.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestrator.settings import Settings


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
    sha256: str = ""
    licence: Licence = Licence()
    memory: str = ""
    engine: str = ""
    compute_unit: str = ""
    convert: str = ""  # what it is converted to when it arrives
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
    recorded_digest: str = ""

    @cached_property
    def digest(self) -> str:
        """Tell the SHA-256 of the model's file, or of the list of its files and their digests."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Every model by name."""

    models: tuple[Model, ...]

    def find(self, name: str) -> Model:
        """Find a model by its name; raises Misuse with the nearest one where there is none."""
        raise NotImplementedError


def load() -> Catalogue:
    """Read the catalogue that came with the program."""
    raise NotImplementedError


def installed(settings: Settings) -> tuple[Chosen, ...]:
    """Tell which models are here, the demo pair included."""
    raise NotImplementedError


def full(kind: str) -> Model:
    """Name the full model for this machine."""
    raise NotImplementedError


def choose(kind: str, settings: Settings) -> Chosen:
    """Choose what `speech_model` or `model` names: a model, a file, a folder; unnamed, the full one if here, else the demo."""
    raise NotImplementedError


def table() -> str:
    """Draw the README's table of models."""
    raise NotImplementedError


_ = tomllib
