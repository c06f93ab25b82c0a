"""A conversation through the microphone: one sentence after another becomes a picture, or changes the last one.

The stages overlap: while someone speaks, the engines load and the hearer works; during the silence that ends a
sentence, painting has already begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from orchestrator import events, record, recordings
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Event
from orchestrator.gallery import Gallery
from orchestrator.line import pipeline
from orchestrator.line.destination import GALLERY, Destination
from orchestrator.line.engines import Line
from orchestrator.line.order import Order, Prompt, find_source, make_order, make_wish
from orchestrator.line.talking.ahead import QUICK, Ahead
from orchestrator.line.talking.history import History, Made, Plan, history_of
from orchestrator.line.talking.rehearing import Rehearing
from orchestrator.picture import read_png
from orchestrator.refine import Again, Amend, New, Reading, Redo, Undo, refine
from orchestrator.sound import Samples

__all__ = ["Confirm", "History", "Made", "Plan", "Talk", "history_of", "refine_picture"]

INFINITE = float("inf")
Confirm = Callable[[str], str]  # returns the edited prompt, or raises Cancelled


class Talk:
    """A conversation."""

    def __init__(  # noqa: PLR0913 - a conversation differs in each of these
        self,
        line: Line,
        *,
        image: str = "",
        drafts: bool = False,
        confirm: Confirm | None = None,
        history: History | None = None,
        destination: Destination = GALLERY,
    ) -> None:
        self.line = line
        self.history = history or History()  # the pictures so far, which a sentence may refine
        self._image, self._drafts, self._confirm, self._destination = image, drafts, confirm, destination
        self._introduced = False
        self._seed: int | None = None  # of this sentence: its drafts and its picture share it
        # Refuse impossible settings and missing models before anyone speaks.
        make_wish(line.settings, "anything", find_source(line.settings, image))
        for role in ("speech", "picture"):
            line.model(role)

    def sentence(self, path: Path, stop: record.Stop, sound: Generator[Samples] | None = None) -> Generator[Event]:
        """Record a sentence, hear it and paint it; see `recordings` for what becomes of the recording.

        `sound` replaces this machine's microphone.
        """
        self._seed, settings = None, self.line.settings
        drafts = self._drafts and self.step_seconds() <= QUICK
        ahead = Ahead(self.line.picture, self._order_ahead, drafts=drafts)
        used = recordings.used(path, settings.recordings, keep=settings.keep_audio)
        with _cancelled(path), used, closing(ahead):
            prompt = yield from self._listen(path, stop, ahead, sound)
            if self._confirm:
                prompt = replace(prompt, text=self._confirm(prompt.text))
            yield from self._paint(prompt, ahead)

    def paint(self, prompt: Prompt) -> Iterator[Event]:
        """Paint words that were typed, or heard elsewhere."""
        yield from pipeline.introduce(self.line, "picture")
        yield from self._paint(prompt, None)

    def read(self, prompt: Prompt) -> Reading:
        """Return what a sentence asks for, given the picture before it."""
        last = self.history.last
        if not last or not self.line.settings.refine:
            return New(prompt=prompt.text)
        return refine(prompt.text, last.kept.recipe.prompt)

    def plan(self, prompt: Prompt) -> Plan | None:
        """Return what to paint for a sentence, given the pictures before it; None for "undo" and "redo"."""
        settings, last = self.line.settings, self.history.last
        match self.read(prompt):
            case Undo() | Redo():
                return None
            case Again() if last:
                return replace(last.plan, seed=None, prompt=replace(prompt, text=last.plan.prompt.text))
            case Amend(prompt=text) if last:
                seed, image = last.kept.recipe.seed, str(last.kept.gallery or last.kept.path)
                return Plan(prompt=replace(prompt, text=text), image=image, seed=seed)
            case New(prompt=text):
                prompt = replace(prompt, text=text)
        return Plan(prompt=prompt, image=self._image, seed=settings.seed)

    def undo(self) -> Iterator[Event]:
        """Go back to the picture before the last one."""
        yield from _show(self.history.undo(), "back to:", "there is no picture before this one")

    def redo(self) -> Iterator[Event]:
        """Go forward to the picture that was undone last."""
        yield from _show(self.history.redo(), "forward to:", "there is no picture after this one")

    def order(self, plan: Plan, *, steps: int | None = None) -> Order:
        """Return the order for a plan; `steps` if it is a draft."""
        settings = replace(self.line.settings, seed=self._seed if plan.seed is None else plan.seed)
        settings = replace(settings, steps=steps, count=1) if steps else settings
        order = make_order(settings, plan.prompt, find_source(settings, plan.image))
        self._seed = order.wish.seed
        return order

    def step_seconds(self) -> float:
        """Return how long a step of painting took the last time."""
        last = self.history.last.kept.recipe if self.history.last else None
        for kept in () if last else Gallery(self.line.settings.gallery).list(1):
            last = kept.recipe
        known = last is not None and last.model == self.line.model("picture").name
        return last.timings.get("paint", INFINITE) / last.steps if last and known and last.steps else INFINITE

    def _order_ahead(self, prompt: Prompt, steps: int | None) -> Order | None:
        plan = self.plan(prompt)
        return self.order(plan, steps=steps) if plan else None

    def _listen(
        self, path: Path, stop: record.Stop, ahead: Ahead, sound: Generator[Samples] | None
    ) -> Generator[Event, None, Prompt]:
        line, settings = self.line, self.line.settings
        line.speech.start()
        line.picture.start()
        yield from self._introduce()
        microphone = record.record(path, seconds=settings.seconds, device=settings.device, stop=stop, sound=sound)
        rehearing: Rehearing | None = None
        with closing(microphone):
            for event in microphone:
                yield event
                if not isinstance(event, events.Level):
                    continue
                rehearing = rehearing or Rehearing(line.speech)
                if rehearing.listen(event.samples):
                    yield events.Words(text=rehearing.text)
                if not self._confirm:
                    yield from ahead.consider(rehearing)
                if rehearing.voice.finished(settings.silence):
                    stop("silence")
        return (yield from self._understand(path, rehearing))

    def _introduce(self) -> Iterator[Event]:
        """Name the models, once in a conversation."""
        if not self._introduced:
            yield from pipeline.introduce(self.line, "speech")
            yield from pipeline.introduce(self.line, "picture")
        self._introduced = True

    def _understand(self, path: Path, rehearing: Rehearing | None) -> Generator[Event, None, Prompt]:
        begun = time.perf_counter()
        if not self.line.speech.loaded:
            yield events.Working(what="loading the speech model")
        meaning = rehearing.final() if rehearing else None
        if meaning is None:
            words = yield from pipeline.transcribe(self.line, path)
        else:
            words = yield from pipeline.understand(self.line, meaning)
        return (yield from pipeline.make_prompt(words, path, begun))

    def _paint(self, prompt: Prompt, ahead: Ahead | None) -> Iterator[Event]:
        reading, plan = self.read(prompt), self.plan(prompt)
        if plan is None:
            yield from self.undo() if isinstance(reading, Undo) else self.redo()
            return
        last = self.history.last
        about_last = isinstance(reading, New) and last is not None and plan.image == str(last.kept.path)
        if isinstance(reading, Amend | New) and reading.note and not about_last:
            yield events.Note(text=reading.note)
        if plan.prompt.text != prompt.text:
            yield events.Note(text=f"now:    {plan.prompt.text}")
        painter, begun = self.line.picture, time.perf_counter()
        if not painter.loaded:
            yield events.Working(what="loading the picture model")
        painter.load()
        load = time.perf_counter() - begun
        order, call = (ahead.take(prompt) if ahead else None) or (self.order(plan), None)
        call, destination = call or painter.paint(order.wish), self._destination
        for event in pipeline.follow_painting(self.line, order, call, load=load, destination=destination):
            if isinstance(event, events.Kept):
                self.history.add(Made(plan=plan, kept=event))
            yield event


def _show(made: Made | None, what: str, otherwise: str) -> Iterator[Event]:
    if not made:
        yield events.Note(text=otherwise)
        return
    yield events.Note(text=f"{what} {made.kept.recipe.prompt}")
    yield made.kept


def refine_picture(line: Line, prompt: Prompt, image: str, *, destination: Destination = GALLERY) -> Iterator[Event]:
    """Paint what a sentence makes of one picture, named by its file or its id."""
    path = Gallery(line.settings.gallery).find_source(image).path
    recipe = read_png(path)
    if not recipe:
        raise Misuse(f"{image} has no recipe with words to change", "leave --refine out to paint from its pixels")
    talk = Talk(line, history=history_of(events.Kept(id=recipe.id, path=path, recipe=recipe)), destination=destination)
    if isinstance(talk.read(prompt), Undo | Redo):
        raise Misuse(f'"{prompt.text}" needs a conversation', "audio-to-image talk")
    yield from talk.paint(prompt)


@contextmanager
def _cancelled(path: Path) -> Iterator[None]:
    """Delete a recording when the person cancels."""
    try:
        yield
    except AudioToImageError as error:
        if error.exit_code == 130:
            path.unlink(missing_ok=True)
        raise
    except (KeyboardInterrupt, GeneratorExit):
        path.unlink(missing_ok=True)
        raise
