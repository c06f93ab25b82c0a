"""Fetch, verify, bundle and remove models by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from orchestrator import catalogue, fetch
from orchestrator.catalogue import Model
from orchestrator.errors import AudioToImageError
from orchestrator.events import Event
from orchestrator.fetch import bundle
from orchestrator.settings import Settings


def get(names: Sequence[str], settings: Settings, *, renew: bool = False) -> Iterator[Event]:
    """Fetch models, by default the full ones for this machine, and convert those that need it."""
    models = tuple(_named(names)) if names else _full()
    for model in models:
        _check_extra(model, settings)
    for model in models:
        yield from fetch.get(model, settings, make=_make(model), renew=renew)


def verify(names: Sequence[str], settings: Settings) -> Iterator[Event]:
    """Check every file of these models, by default of all that were fetched."""
    here = [each.name for each in catalogue.installed(settings) if not each.demo]
    for model in _named(names or here):
        yield from fetch.verify(model, settings)


def remove(names: Sequence[str], settings: Settings) -> Iterator[Event]:
    """Delete models from this machine."""
    for model in _named(names):
        yield from fetch.remove(model, settings)


def make_bundle(names: Sequence[str], out: Path, settings: Settings) -> Iterator[Event]:
    """Write models that are here, by default the full ones, into one file for a machine without a network."""
    return bundle.bundle(tuple(_named(names)) if names else _full(), out, settings)


def add_bundle(path: Path, settings: Settings) -> Iterator[Event]:
    """Install the models of a bundle."""
    return bundle.add(path, catalogue.load(), settings)


def _named(names: Iterable[str]) -> Iterator[Model]:
    return (catalogue.load().find(name) for name in names)


def _full() -> tuple[Model, ...]:
    known = catalogue.load()
    return tuple(known.full_models(role)[0] for role in known.roles)


def _check_extra(model: Model, settings: Settings) -> None:
    """Raise an error if converting lacks a library, before gigabytes are fetched for it."""
    from orchestrator.convert import FORMATS

    missing = [name for name in FORMATS.get(model.convert, ()) if find_spec(name) is None]
    if missing and not catalogue.here(model, settings):
        needs = f"{model.name} is converted when it arrives, which needs {', '.join(missing)}"
        raise AudioToImageError(needs, "pip install 'audio-to-image[convert]'")


def _make(model: Model) -> fetch.Make | None:
    """Choose how the fetched files become what an engine opens."""
    if model.convert in ("", "unzip"):
        return bundle.unzip if model.convert else None
    return partial(_converted, to=model.convert)


def _converted(fetched: Path, whole: Path, *, to: str) -> Iterator[str]:
    from orchestrator.convert import convert

    return (working.what for working in convert(fetched, whole, to=to, weights="fp32"))
