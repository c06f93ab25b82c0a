"""What a painter is asked, and what its pictures will tell of their making: settings and what was said come in, an
Order goes out.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, replace

from orchestrator import __version__
from orchestrator.gallery import Gallery, Source
from orchestrator.line.engines import Line
from orchestrator.paint import MAX_SEED, Request
from orchestrator.recipe import Recipe
from orchestrator.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Said:
    """What came of a recording, or of words that were written."""

    prompt: str
    transcript: str = ""
    removed: tuple[str, ...] = ()
    recording: str = ""  # SHA-256
    hearer: str = ""
    language: str = ""
    seconds: float = 0.0  # that hearing took


def said_before(recipe: Recipe) -> Said:
    """Tell what a picture was painted of."""
    return Said(
        prompt=recipe.prompt,
        transcript=recipe.transcript,
        removed=recipe.removed,
        recording=recipe.recording,
        hearer=recipe.hearer,
        language=recipe.language,
    )


@dataclass(frozen=True, kw_only=True)
class Order:
    """A request that leaves nothing open, and the recipe of its pictures but for seed and time."""

    request: Request
    recipe: Recipe
    source: Source | None = None
    hear: float = 0.0  # seconds


def find_source(gallery: Gallery, image: str) -> Source:
    """Find a picture to paint from by its file or its id."""
    return gallery.find_source(image)


def asked(settings: Settings, prompt: str, source: Source | None) -> Request:
    """Make the request that the settings ask for."""
    seed = random.randrange(max(1, MAX_SEED - settings.count)) if settings.seed is None else settings.seed
    return Request(
        prompt=prompt,
        negative=settings.negative,
        seed=seed,
        steps=settings.steps,
        guidance=settings.guidance,
        sampler=settings.sampler,
        spacing=settings.spacing,
        count=settings.count,
        image=source.pixels if source else None,
        strength=settings.strength,
    )


def settled(line: Line, said: Said, request: Request, source: Source | None) -> Order:
    """Settle what the request leaves open, and write down what all its pictures have in common."""
    request = line.painter.resolve(request)
    recipe = _recipe(line, said, request, source)
    return Order(request=request, recipe=recipe, source=source, hear=said.seconds)


def _recipe(line: Line, said: Said, request: Request, source: Source | None) -> Recipe:
    engine, (width, height) = line.painter.engine, line.painter.size
    speech = line.speech_model if said.transcript else None
    return Recipe(
        prompt=said.prompt,
        transcript=said.transcript,
        removed=said.removed,
        recording=said.recording,
        hearer=said.hearer,
        language=said.language,
        speech_model=speech.name if speech else "",
        speech_model_revision=speech.revision if speech else "",
        speech_model_digest=speech.digest if speech else "",
        translate=line.settings.translate,
        negative=request.negative,
        seed=request.seed,
        steps=request.steps or 0,
        guidance=request.guidance or 0.0,
        sampler=request.sampler or "",
        spacing=request.spacing or "",
        width=width,
        height=height,
        model=line.model.name,
        model_revision=line.model.revision,
        model_digest=line.model.digest,
        engine=engine.name,
        compute_unit=engine.compute_unit,
        threads=engine.threads,
        versions={"audio-to-image": __version__, "python": sys.version.split()[0]} | dict(engine.versions),
        strength=request.strength if source else None,
        parent=source.parent if source else "",
        parent_pixels=source.parent_pixels if source else "",
        image=source.image if source else "",
    )


def as_it_was(settings: Settings, recipe: Recipe) -> Settings:
    """Set everything that a recipe says of painting."""
    return replace(
        settings,
        model=recipe.model,
        engine=recipe.engine,
        compute_unit=recipe.compute_unit,
        threads=recipe.threads,
        negative=recipe.negative,
        seed=recipe.seed,
        steps=recipe.steps,
        guidance=recipe.guidance,
        sampler=recipe.sampler,
        spacing=recipe.spacing,
        count=1,
        strength=settings.strength if recipe.strength is None else recipe.strength,
    )
