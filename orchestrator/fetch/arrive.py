"""A model from its name to its place: fetched, then unpacked or converted where it has to be.

Comes in: names, or none for the full models of this machine. Goes out: what is told on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from orchestrator import catalogue, fetch
from orchestrator.catalogue import Model
from orchestrator.errors import AudioToImageError
from orchestrator.fetch import Make, bundle
from orchestrator.fetch.news import Told
from orchestrator.settings import Settings


def get(names: Sequence[str], settings: Settings, *, renew: bool = False) -> Iterator[Told]:
    """Bring models here; without names, the two full ones for this machine."""
    listed = catalogue.load()
    full = [listed.full_models(kind)[0] for kind in catalogue.KINDS]
    models = [listed.find(name) for name in names] or full
    makes = [_make(model, settings) for model in models]  # what converting lacks is said before anything is fetched
    for model, make in zip(models, makes, strict=True):
        yield from fetch.get(model, settings, make=make, renew=renew)


def _make(model: Model, settings: Settings) -> Make | None:
    """Choose what is done with a model when it has arrived."""
    if model.convert == "unzip":
        return bundle.unzip
    if model.convert and not catalogue.here(model, settings):
        from orchestrator.convert import FORMATS

        missing = [name for name in FORMATS[model.convert] if find_spec(name) is None]
        if missing:
            raise AudioToImageError(f"{model.name} is converted here, which needs {', '.join(missing)}", "make convert")
    return _converted if model.convert else None


def _converted(fetched: Path, whole: Path) -> Iterator[str]:
    from orchestrator.convert import convert

    for progress in convert(fetched, whole, to="onnx"):
        yield f"{progress.piece}: {progress.what}"
