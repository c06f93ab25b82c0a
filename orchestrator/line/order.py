"""From settings and a prompt to a wish, and from a painter's decision to a recipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from orchestrator import __version__
from orchestrator.choices import PaintEngine, Painting, choices, random_seed
from orchestrator.errors import Misuse
from orchestrator.gallery import Gallery, Source
from orchestrator.meaning import Evidence, Words
from orchestrator.paint import Decision, Facts, Wish
from orchestrator.recipe import Recipe

if TYPE_CHECKING:
    from orchestrator.catalogue import Chosen
    from orchestrator.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The words to paint, and where they come from."""

    text: str
    heard: Words | None = None  # None where they were typed
    removed: tuple[str, ...] = ()  # by the filter, from what was heard
    seconds: float = 0.0  # that hearing took


@dataclass(frozen=True, kw_only=True)
class Order:
    """A wish, and what the recipes of its pictures record besides."""

    wish: Wish
    prompt: Prompt
    source: Source | None = None  # the picture to paint from


def make_order(settings: Settings, prompt: Prompt, source: Source | None) -> Order:
    """Return the order that the settings ask for; raises Misuse if no model could paint it."""
    return Order(wish=make_wish(settings, prompt.text, source), prompt=prompt, source=source)


def make_wish(settings: Settings, text: str, source: Source | None) -> Wish:
    """Return what the settings ask for; the seed is chosen here, so that equal wishes give equal pictures."""
    chosen: dict[str, Any] = {name: getattr(settings, name) for name in choices(Painting)}
    if settings.seed is None:
        chosen["seed"] = random_seed(settings.count)
    return Wish(prompt=text, image=source.pixels if source else None, **chosen)


def find_source(settings: Settings, image: str) -> Source | None:
    """Find the picture to paint from, by its file or its id; None for an empty name."""
    return Gallery(settings.gallery).find_source(image) if image else None


def find_last(settings: Settings) -> str:
    """Return the file of the newest picture in the gallery; raises Misuse where there is none."""
    for kept in Gallery(settings.gallery).list(1):
        return str(kept.path)
    raise Misuse("there is no picture in the gallery yet", 'audio-to-image paint "a red house by the sea"')


def make_recipe(order: Order, decision: Decision, facts: Facts, model: Chosen) -> Recipe:
    """Return the recipe that all pictures of an order share, except for seed, time and source."""
    shared = {each.name for each in fields(Recipe)} - {"image"}  # a recipe has its digest, not its pixels
    decided = {each.name: getattr(decision, each.name) for each in fields(decision) if each.name in shared}
    return Recipe(
        **decided,
        **_heard(order.prompt),
        model=model.name,
        model_revision=model.revision,
        model_digest=model.digest,
        engine=facts.engine,
        compute_unit=facts.compute_unit,
        threads=facts.threads,
        versions={"audio-to-image": __version__, "python": sys.version.split()[0]} | dict(facts.versions),
    )


def _heard(prompt: Prompt) -> Mapping[str, Any]:
    """Return the fields of a recipe that say what was heard, and by which model."""
    heard = prompt.heard
    if not heard:
        return {"removed": prompt.removed}
    return {
        "removed": prompt.removed,
        "transcript": heard.text,
        "language": heard.language,
        "translate": heard.translated,
        "recording": heard.evidence.source,
        "hearer": heard.evidence.engine,
        "speech_model": heard.evidence.model,
        "speech_model_revision": heard.evidence.model_revision,
        "speech_model_digest": heard.evidence.model_digest,
    }


def prompt_of(recipe: Recipe) -> Prompt:
    """Return the prompt that a picture was painted from, with the evidence that its recipe holds."""
    evidence = Evidence(
        engine=recipe.hearer,
        model=recipe.speech_model,
        model_revision=recipe.speech_model_revision,
        model_digest=recipe.speech_model_digest,
        source=recipe.recording,
    )
    heard = Words(text=recipe.transcript, language=recipe.language, translated=recipe.translate, evidence=evidence)
    spoken = bool(recipe.transcript or recipe.recording)
    return Prompt(text=recipe.prompt, heard=heard if spoken else None, removed=recipe.removed)


def settings_of(settings: Settings, recipe: Recipe) -> Settings:
    """Return the settings with everything that a recipe says about painting."""
    names = (*choices(PaintEngine), *choices(Painting), "threads")
    said = {name: getattr(recipe, name) for name in names if getattr(recipe, name, None) is not None}
    return replace(settings, **said, count=1)
