"""The line from a recording or words to kept pictures: record, hear, clean, paint, keep.

Each stage is a generator of events that may return a value, so a longer line is `value = yield from stage(...)`.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import cast

from orchestrator import events, files, record, recordings, sound
from orchestrator.clean import clean
from orchestrator.errors import AudioToImageError, Cancelled, NoSpeech
from orchestrator.events import Event
from orchestrator.gallery import Gallery
from orchestrator.hear import speech
from orchestrator.hear.speech import voice
from orchestrator.line.destination import GALLERY, Destination
from orchestrator.line.engines import Line, PaintCall
from orchestrator.line.memory import enough_memory
from orchestrator.line.order import Order, Prompt, find_source, make_order, make_recipe, prompt_of
from orchestrator.meaning import Evidence, Nothing, Words
from orchestrator.paint import Decision
from orchestrator.recipe import Recipe
from orchestrator.settings import Settings

UNSURE = 0.75  # mean probability of a token: measured on the demo model, within its grammar and outside
FULL = "the full models: audio-to-image models get"
SPEAK_UP = "speak up, or list the microphones: audio-to-image devices"


def recording(settings: Settings, path: Path, stop: record.Stop, *, until_silence: bool) -> Iterator[Event]:
    """Record from the microphone to a file."""
    listening = voice.Voice() if until_silence else None
    for event in record.record(path, seconds=settings.seconds, device=settings.device, stop=stop):
        yield event
        if listening and isinstance(event, events.Level):
            listening.listen(event.samples)
            if listening.finished(settings.silence):
                stop("silence")


def hearing(line: Line, source: Path) -> Generator[Event, None, Prompt]:
    """Hear a recording and clean the transcript; raises NoSpeech where nobody spoke."""
    begun = time.perf_counter()
    yield from introduce(line, "speech")
    words = yield from transcribe(line, source)
    return (yield from make_prompt(words, source, begun))


def make_prompt(words: Words, source: Path, begun: float) -> Generator[Event, None, Prompt]:
    """Clean a transcript, and note the recording that it comes from."""
    cleaned = clean_words(words.text)
    yield cleaned
    heard = replace(words, evidence=replace(words.evidence, source=files.sha256(source)))
    seconds = round(time.perf_counter() - begun, 3)
    return Prompt(text=cleaned.prompt, heard=heard, removed=cleaned.removed, seconds=seconds)


def transcribe(line: Line, source: Path) -> Generator[Event, None, Words]:
    """Hear a recording, yielding the words as they come; raises NoSpeech where nobody spoke."""
    sound.check(source)
    facts = line.speech.load()
    pieces = sound.pieces(sound.read(source, facts.sample_rate), facts.longest, facts.sample_rate)
    meaning: Words | Nothing = speech.SILENT
    for meaning in speech.listen(
        lambda piece: line.speech.hear(piece).result(), pieces, voice.spans, facts.sample_rate
    ):
        yield events.Words(text=meaning.text if isinstance(meaning, Words) else "")
    return (yield from understand(line, meaning))


def understand(line: Line, meaning: Words | Nothing) -> Generator[Event, None, Words]:
    """Yield the final words, and whether the demo model is unsure of them; raises NoSpeech where there are none."""
    if isinstance(meaning, Nothing):
        raise NoSpeech(f"no speech heard: {meaning.reason}", SPEAK_UP)
    yield events.Heard(transcript=meaning.text, language=meaning.language, segments=meaning.segments)
    model = line.model("speech")
    if model.demo and meaning.probability is not None and meaning.probability < UNSURE:
        text = "the demo speech model is unsure: it knows only about a hundred words"
        yield events.Note(text=text, hint="get the full model: audio-to-image models get base.en")
    evidence = Evidence(
        engine=meaning.evidence.engine, model=model.name, model_revision=model.revision, model_digest=model.digest
    )
    return replace(meaning, evidence=evidence)


def clean_words(transcript: str) -> events.Cleaned:
    """Remove non-speech tags from a transcript; raises NoSpeech where nothing is left."""
    cleaned = clean(transcript)
    if not cleaned.prompt:
        raise NoSpeech(f"no speech heard: only {' '.join(cleaned.removed)}", SPEAK_UP)
    return cleaned


def painting(line: Line, prompt: Prompt, *, image: str = "", destination: Destination = GALLERY) -> Iterator[Event]:
    """Paint a prompt, and keep the pictures."""
    order = make_order(line.settings, prompt, find_source(line.settings, image))  # checked before anything is loaded
    yield from introduce(line, "picture")
    begun = time.perf_counter()
    line.picture.load()
    load = time.perf_counter() - begun
    yield from follow_painting(line, order, line.picture.paint(order.wish), load=load, destination=destination)


def follow_painting(
    line: Line, order: Order, call: PaintCall, *, load: float = 0.0, destination: Destination = GALLERY
) -> Iterator[Event]:
    """Follow a call that paints an order, and keep the pictures."""
    gallery, started = Gallery(line.settings.gallery), time.perf_counter()
    with closing(cast("Generator[Decision | events.Painted]", iter(call))) as values:
        decision = next(values, None)
        if not isinstance(decision, Decision):
            raise Cancelled("the painting was cancelled")
        recipe = make_recipe(order, decision, line.picture.load(), line.model("picture"))
        for value in values:
            step = cast(events.Painted, value)
            hint = FULL if line.model("picture").demo else ""
            yield from (events.Note(text=warning, hint=hint) for warning in step.warnings)
            yield step
            if step.pixels is not None:
                seconds = {"hear": order.prompt.seconds, "load": load, "paint": time.perf_counter() - started}
                timings = {name: round(each, 3) for name, each in seconds.items()}
                own = replace(recipe, seed=step.seed, timings=timings)
                yield from destination.keep_picture(gallery, step.pixels, own, order.source, step.picture)


def picture(line: Line, source: Path, *, image: str = "", destination: Destination = GALLERY) -> Iterator[Event]:
    """Turn one recording into pictures."""
    line.speech.start()
    line.picture.start()
    prompt = yield from hearing(line, source)
    yield from painting(line, prompt, image=image, destination=destination)


def pictures(
    line: Line, sources: Iterable[str], *, image: str = "", destination: Destination = GALLERY
) -> Iterator[Event]:
    """Turn each recording into pictures; after one that fails, continue with the next."""
    for index, source in enumerate(sources):
        path, settings = Path(source), line.settings
        try:
            path = sound.as_file(source, settings.recordings)
            with recordings.used(path, settings.recordings, keep=settings.keep_audio):
                yield from picture(line, path, image=image, destination=destination.for_recording(index))
        except AudioToImageError as error:
            yield failure(error, path if path.exists() else Path(source))


def only_hearing(line: Line, source: str) -> Iterator[Event]:
    """Transcribe a recording; one from standard input is not needed after that."""
    settings = line.settings
    path = sound.as_file(source, settings.recordings)
    with (
        recordings.used(path, settings.recordings, keep=settings.keep_audio) if path != Path(source) else nullcontext()
    ):
        yield from transcribe(line, path)


def repainting(line: Line, recipe: Recipe, *, destination: Destination = GALLERY) -> Iterator[Event]:
    """Paint a kept picture again from its recipe."""
    image = str(Gallery(line.settings.gallery).source(recipe)) if recipe.strength is not None else ""
    for event in painting(line, prompt_of(recipe), image=image, destination=destination):
        yield event
        if isinstance(event, events.Kept):
            same = event.recipe.pixels == recipe.pixels
            yield events.Note(text="the same pixels" if same else "not the same pixels: another runtime or version")


def introduce(line: Line, role: str) -> Iterator[Event]:
    """Yield notes if a demo model stands in for a full one, or if a model may not fit into memory."""
    model = line.model(role)
    if model.demo:
        yield events.Note(text=f"using the demo {role} model", hint=FULL)
    tight = enough_memory(model)
    if tight:
        yield tight


def failure(error: AudioToImageError, source: Path | None = None) -> events.Failed:
    """Return an error as an event."""
    return events.Failed(message=str(error), hint=error.hint, code=error.exit_code, source=source)


def with_failure(stream: Iterator[Event]) -> Generator[Event]:
    """Yield the events of a stream; if it fails, the last one is the failure."""
    try:
        yield from stream
    except AudioToImageError as error:
        yield failure(error)
