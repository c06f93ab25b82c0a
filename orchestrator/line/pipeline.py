"""The line: record -> hear -> clean -> paint -> keep. Settings and a source come in; events go out as things happen.

Each stage is a generator of events that returns its value, so that a longer line is `value = yield from stage(...)`.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from orchestrator import catalogue, events, files, record, sound
from orchestrator.clean import clean
from orchestrator.errors import AudioToImageError, NoSpeech
from orchestrator.events import Event
from orchestrator.gallery import Gallery
from orchestrator.hear import speech
from orchestrator.hear.speech import voice
from orchestrator.line.engines import Line
from orchestrator.line.memory import enough_memory
from orchestrator.line.order import Order, Said, asked, find_source, said_before, settled
from orchestrator.paint import Step
from orchestrator.recipe import Recipe
from orchestrator.settings import Settings

UNSURE = 0.75  # mean probability of a token: measured on the demo model, within its grammar and outside
FULL = "the full models: audio-to-image models get"
SPEAK_UP = "speak up, or look at the microphones: audio-to-image devices"


def recording(settings: Settings, path: Path, stop: record.Stop, *, until_silence: bool) -> Iterator[Event]:
    """Record from the microphone to a file."""
    listening = voice.Voice() if until_silence else None
    for event in record.record(path, seconds=settings.seconds, device=settings.device, stop=stop):
        yield recording_event(event, settings.seconds)
        if listening and isinstance(event, record.Level):
            listening.listen(event.samples)
            if listening.finished(settings.silence):
                stop("silence")


def hearing(line: Line, source: Path) -> Generator[Event, None, Said]:
    """Hear a recording and clean what was heard; raises NoSpeech where nobody spoke."""
    begun = time.perf_counter()
    yield from say_which("speech", line.speech_model)
    heard = yield from transcript(line, source)
    cleaned = cleaning(heard.text)
    yield cleaned
    seconds = round(time.perf_counter() - begun, 3)
    return replace(said_of(heard, cleaned), recording=files.sha256(source), seconds=seconds)


def said_of(heard: speech.Heard, cleaned: events.Cleaned) -> Said:
    """Put together what came of a recording."""
    return Said(
        prompt=cleaned.prompt,
        removed=cleaned.removed,
        transcript=heard.text,
        hearer=heard.hearer,
        language=heard.language,
    )


def transcript(line: Line, source: Path) -> Generator[Event, None, speech.Heard]:
    """Hear a recording, telling the words as they come."""
    line.hearer.start()
    heard = speech.Heard(text="")
    pieces = sound.pieces(sound.read(source), line.hearer.longest)
    for heard in speech.listen(line.hearer, pieces, voice.spans):
        yield events.Words(text=heard.text)
    if not heard.text:
        raise NoSpeech(f"no speech heard: {heard.no_speech}", SPEAK_UP)
    yield from understood(line, heard)
    return heard


def understood(line: Line, heard: speech.Heard) -> Iterator[Event]:
    """Tell the final words, and whether the demo model is at a loss for them."""
    yield events.Heard(transcript=heard.text, language=heard.language, segments=heard.segments)
    if line.speech_model.demo and heard.probability is not None and heard.probability < UNSURE:
        text = "the demo speech model is unsure: it knows the words of its small world only"
        yield events.Note(text=text, hint="get the full model: audio-to-image models get base.en")


def cleaning(transcript: str) -> events.Cleaned:
    """Take what nobody said from a transcript; raises NoSpeech where nothing is left."""
    cleaned = clean(transcript)
    if not cleaned.prompt:
        raise NoSpeech(f"no speech heard: only {' '.join(cleaned.removed)}", SPEAK_UP)
    return events.Cleaned(prompt=cleaned.prompt, removed=cleaned.removed)


def painting(line: Line, said: Said, *, image: str = "") -> Iterator[Event]:
    """Paint what was said, and keep it."""
    source = find_source(Gallery(line.settings.gallery), image) if image else None
    request = asked(line.settings, said.prompt, source)  # refuses what cannot be, before anything is loaded
    yield from say_which("picture", line.model)
    begun = time.perf_counter()
    line.painter.load()
    load = time.perf_counter() - begun
    yield from painted(line, settled(line, said, request, source), load=load)


def painted(line: Line, order: Order, *, load: float = 0.0, begun: bool = False) -> Iterator[Event]:
    """Have an order painted, or what has begun go on, and keep the pictures."""
    settings, gallery, started = line.settings, Gallery(line.settings.gallery), time.perf_counter()
    for step in line.painter.follow() if begun else line.painter.paint(order.request):
        yield from (events.Note(text=warning, hint=FULL if line.model.demo else "") for warning in step.warnings)
        yield _step_event(step, order.request.count)
        if step.pixels is not None:
            seconds = {"hear": order.hear, "load": load, "paint": time.perf_counter() - started}
            timings = {name: round(value, 3) for name, value in seconds.items()}
            recipe = replace(order.recipe, seed=step.seed, timings=timings)
            kept = gallery.keep(step.pixels, recipe, output=settings.output, source=order.source)
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
            if path != Path(source) and not line.settings.keep_audio:
                path.unlink()


def repainting(line: Line, recipe: Recipe) -> Iterator[Event]:
    """Paint a kept picture again from its recipe."""
    image = str(Gallery(line.settings.gallery).source(recipe)) if recipe.strength is not None else ""
    for event in painting(line, said_before(recipe), image=image):
        yield event
        if isinstance(event, events.Kept):
            same = event.recipe.pixels == recipe.pixels
            yield events.Note(text="the same pixels" if same else "not the same pixels: another runtime or version")


def failure(error: AudioToImageError, source: Path | None = None) -> events.Failed:
    """Tell an error as an event."""
    return events.Failed(message=str(error), hint=error.hint, code=error.exit_code, source=source)


def say_which(kind: str, chosen: catalogue.Chosen) -> Iterator[Event]:
    """Say so where a demo model stands in for a full one, or a model may not fit into the memory."""
    if chosen.demo:
        yield events.Note(text=f"using the demo {kind} model", hint=FULL)
    tight = enough_memory(chosen)
    if tight:
        yield tight


def recording_event(event: record.Event, window: float) -> Event:
    """Tell what a recording of at most `window` seconds tells."""
    if isinstance(event, record.Opened):
        return events.Opened(device=event.device, path=event.path)
    if isinstance(event, record.Level):
        return events.Level(level=event.level, seconds=window - event.seconds_left, seconds_left=event.seconds_left)
    return events.Recorded(path=event.path, seconds=event.seconds, why=event.why)


def _step_event(step: Step, count: int) -> Event:
    return events.Painted(
        picture=step.picture, count=count, index=step.index, steps=step.steps, seed=step.seed, preview=step.preview
    )


def told(stream: Iterator[Event]) -> Generator[Event]:
    """Pass events on, and what fails as the last of them."""
    try:
        yield from stream
    except AudioToImageError as error:
        yield failure(error)
