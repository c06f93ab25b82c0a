"""The line: record -> hear -> clean -> paint -> keep. Settings and a source come in; events go out as things happen.

Each stage is a generator of events that returns its value, so that a longer line is `value = yield from stage(...)`.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestrator import __version__, catalogue, events, hear, png, record, sound, voice
from orchestrator.clean import clean
from orchestrator.engines import Line
from orchestrator.errors import AudioToImageError, Misuse, NoSpeech
from orchestrator.events import Event
from orchestrator.gallery import Gallery
from orchestrator.paint import MAX_SEED, Request, Step
from orchestrator.recipe import Recipe
from orchestrator.settings import Settings

SPEAK_UP = "speak up, or look at the microphones: audio-to-image devices"


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


@dataclass(frozen=True, kw_only=True)
class Source:
    """A picture to paint from: one of the gallery, or a file."""

    path: Path
    id: str = ""

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        return png.read_pixels(self.path)


def recording(settings: Settings, path: Path, stop: record.Stop, *, until_silence: bool) -> Iterator[Event]:
    """Record from the microphone to a file."""
    listening = voice.Voice() if until_silence else None
    for event in record.record(path, seconds=settings.seconds, device=settings.device, stop=stop):
        yield _recording_event(event)
        if listening and isinstance(event, record.Level):
            listening.listen(event.samples)
            if listening.finished(settings.silence):
                stop("silence")


def hearing(line: Line, source: Path) -> Generator[Event, None, Said]:
    """Hear a recording and clean what was heard; raises NoSpeech where nobody spoke."""
    begun = time.perf_counter()
    yield from _say_which("speech", line.speech_model)
    heard = yield from transcript(line, source)
    cleaned = cleaning(heard.text)
    yield cleaned
    return Said(
        prompt=cleaned.prompt,
        removed=cleaned.removed,
        transcript=heard.text,
        recording=sound.sha256(source),
        hearer=heard.hearer,
        language=heard.language,
        seconds=round(time.perf_counter() - begun, 3),
    )


def transcript(line: Line, source: Path) -> Generator[Event, None, hear.Heard]:
    """Hear a recording, telling the words as they come."""
    line.hearer.start()
    heard = hear.Heard(text="")
    pieces = sound.pieces(sound.read(source), line.hearer.longest)
    for heard in hear.listen(line.hearer, pieces, voice.spans):
        yield events.Words(text=heard.text)
    if not heard.text:
        raise NoSpeech(f"no speech heard: {heard.no_speech}", SPEAK_UP)
    yield events.Heard(transcript=heard.text, language=heard.language, segments=heard.segments)
    return heard


def cleaning(transcript: str) -> events.Cleaned:
    """Take what nobody said from a transcript; raises NoSpeech where nothing is left."""
    cleaned = clean(transcript)
    if not cleaned.prompt:
        raise NoSpeech(f"no speech heard: only {' '.join(cleaned.removed)}", SPEAK_UP)
    return events.Cleaned(prompt=cleaned.prompt, removed=cleaned.removed)


def painting(line: Line, said: Said, *, image: str = "") -> Iterator[Event]:
    """Paint what was said, and keep it."""
    settings, gallery = line.settings, Gallery(line.settings.gallery)
    source = find_source(gallery, image) if image else None
    request = asked(settings, said.prompt, source)
    yield from _say_which("picture", line.model)
    begun = time.perf_counter()
    line.painter.load()
    loaded = time.perf_counter()
    request = line.painter.resolve(request)
    base = _recipe(line, said, request, source)
    for step in line.painter.paint(request):
        yield from (events.Note(text=warning) for warning in step.warnings)
        yield _step_event(step, request.count)
        if step.pixels is not None:
            seconds = {"hear": said.seconds, "load": loaded - begun, "paint": time.perf_counter() - loaded}
            timings = {name: round(value, 3) for name, value in seconds.items()}
            recipe = replace(base, seed=step.seed, timings=timings)
            kept = gallery.keep(step.pixels, recipe, output=settings.output, source=source.path if source else None)
            yield events.Kept(id=kept.id, path=kept.path, recipe=kept.recipe)


def picture(line: Line, source: Path, *, image: str = "") -> Iterator[Event]:
    """Turn one recording into pictures."""
    line.hearer.start()
    line.painter.start()
    said = yield from hearing(line, source)
    yield from painting(line, said, image=image)


def pictures(line: Line, sources: Iterable[str], *, image: str = "") -> Iterator[Event]:
    """Turn each recording into pictures; one that fails is told and the next is tried."""
    for source in sources:
        path = Path(source)
        try:
            path = sound.stored(source, line.settings.recordings)
            yield from picture(line, path, image=image)
        except AudioToImageError as error:
            yield failure(error, path)
        else:
            if source == "-" and not line.settings.keep_audio:
                path.unlink()


def repainting(line: Line, recipe: Recipe) -> Iterator[Event]:
    """Paint a kept picture again from its recipe."""
    image = str(Gallery(line.settings.gallery).source(recipe)) if recipe.strength is not None else ""
    said = Said(
        prompt=recipe.prompt,
        transcript=recipe.transcript,
        removed=recipe.removed,
        recording=recipe.recording,
        hearer=recipe.hearer,
        language=recipe.language,
    )
    for event in painting(line, said, image=image):
        yield event
        if isinstance(event, events.Kept):
            same = event.recipe.pixels == recipe.pixels
            yield events.Note(text="the same pixels" if same else "not the same pixels: another runtime or version")


def failure(error: AudioToImageError, source: Path | None = None) -> events.Failed:
    """Tell an error as an event."""
    return events.Failed(message=str(error), hint=error.hint, code=error.exit_code, source=source)


def find_source(gallery: Gallery, image: str) -> Source:
    """Find a picture to paint from by its file or its id."""
    path = Path(image)
    if path.is_file():
        return Source(path=path)
    if path.suffix or path.parent != Path():
        raise Misuse(f"there is no picture {image}", "audio-to-image gallery list")
    kept = gallery.show(image)
    return Source(path=kept.path, id=kept.id)


def asked(settings: Settings, prompt: str, source: Source | None) -> Request:
    """Make the request that the settings ask for."""
    seed = random.randrange(MAX_SEED - settings.count) if settings.seed is None else settings.seed
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


def _recipe(line: Line, said: Said, request: Request, source: Source | None) -> Recipe:
    """Write down what every picture of a resolved request has in common."""
    engine, (width, height) = line.painter.engine, line.painter.size
    speech = line.speech_model if said.transcript else None
    parent = png.read_png(source.path) if source else None
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
        parent=(parent.id if parent else "") if source else "",
        parent_pixels=png.pixels_digest(source.pixels) if source else "",
        image="" if parent or not source else sound.sha256(source.path),
    )


def _say_which(kind: str, chosen: catalogue.Chosen) -> Iterator[Event]:
    """Say so where a demo model stands in for a full one."""
    if chosen.demo:
        yield events.Note(text=f"using the demo {kind} model", hint="the full models: audio-to-image models get")


def _recording_event(event: record.Event) -> Event:
    if isinstance(event, record.Opened):
        return events.Opened(device=event.device, path=event.path)
    if isinstance(event, record.Level):
        return events.Level(level=event.level, seconds_left=event.seconds_left)
    return events.Recorded(path=event.path, seconds=event.seconds, why=event.why)


def _step_event(step: Step, count: int) -> Event:
    return events.Painted(
        picture=step.picture, count=count, index=step.index, steps=step.steps, seed=step.seed, preview=step.preview
    )


def told(stream: Iterator[Event]) -> Iterator[Event]:
    """Pass events on, and what fails as the last of them."""
    try:
        yield from stream
    except AudioToImageError as error:
        yield failure(error)


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
