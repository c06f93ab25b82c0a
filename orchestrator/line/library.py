"""Models brought here, checked, carried and removed: names come in, events go out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from orchestrator import catalogue, events, fetch
from orchestrator.catalogue import Model
from orchestrator.errors import AudioToImageError
from orchestrator.events import Event
from orchestrator.fetch import bundle, news
from orchestrator.settings import Settings


def get(names: Sequence[str], settings: Settings, *, renew: bool = False) -> Iterator[Event]:
    """Fetch models, by default the two full ones for this machine, and make of them what this machine runs."""
    models = tuple(_named(names)) if names else _full()
    for model in models:
        _check_extra(model, settings)
    for model in models:
        yield from told(fetch.get(model, settings, make=_make(model), renew=renew))


def verify(names: Sequence[str], settings: Settings) -> Iterator[Event]:
    """Read every file of these models through, by default of all that were fetched."""
    here = [each.name for each in catalogue.installed(settings) if not each.demo]
    for model in _named(names or here):
        yield from told(fetch.verify(model, settings))


def remove(names: Sequence[str], settings: Settings) -> Iterator[Event]:
    """Delete models from this machine."""
    for model in _named(names):
        yield from told(fetch.remove(model, settings))


def carry(names: Sequence[str], out: Path, settings: Settings) -> Iterator[Event]:
    """Write models that are here into one file for a machine without a network."""
    return told(bundle.bundle(tuple(_named(names)) if names else _full(), out, settings))


def add(path: Path, settings: Settings) -> Iterator[Event]:
    """Bring in the models of such a file."""
    return told(bundle.add(path, catalogue.load(), settings))


def told(stream: Iterable[news.Told]) -> Iterator[Event]:
    """Tell what happens to a model as events."""
    for each in stream:
        match each:
            case news.Terms():
                yield from _terms(each)
            case news.Waiting():
                yield events.Note(text=f"{each.model}: {each.why}")
            case news.Fetching():
                yield events.Working(
                    what=f"{each.model} {each.file}",
                    done=each.done,
                    total=each.total,
                    rate=each.rate,
                    seconds_left=each.seconds_left,
                )
            case news.Making():
                yield events.Working(what=f"{each.model}: {each.what}")
            case news.Here():
                yield events.ModelHere(name=each.model, path=each.path)


def _terms(terms: news.Terms) -> Iterator[Event]:
    if terms.licence.restricts:
        text = f"{terms.model} comes under {terms.licence.name}, which restricts {terms.licence.restricts}"
        yield events.Note(text=text, hint=terms.licence.link)


def _named(names: Iterable[str]) -> Iterator[Model]:
    return (catalogue.load().find(name) for name in names)


def _full() -> tuple[Model, ...]:
    known = catalogue.load()
    return known.full_models("speech")[0], known.full_models("picture")[0]


def _check_extra(model: Model, settings: Settings) -> None:
    """Say what converting lacks before gigabytes are fetched for it."""
    from orchestrator.convert import FORMATS

    missing = [name for name in FORMATS.get(model.convert, ()) if find_spec(name) is None]
    if missing and not catalogue.here(model, settings):
        lacks = f"{model.name} is converted when it arrives, which needs {', '.join(missing)}"
        raise AudioToImageError(lacks, "pip install 'audio-to-image[convert]'")


def _make(model: Model) -> fetch.Make | None:
    """Choose what makes of the fetched files what an engine opens."""
    if model.convert in ("", "unzip"):
        return bundle.unzip if model.convert else None
    return partial(_converted, to=model.convert)


def _converted(fetched: Path, whole: Path, *, to: str) -> Iterator[str]:
    from orchestrator.convert import convert

    return (f"{progress.piece}: {progress.what}" for progress in convert(fetched, whole, to=to, weights="fp32"))
