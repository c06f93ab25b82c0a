"""A conversation through the microphone: one sentence after another becomes a picture, or changes the last one.

The stages overlap: while someone speaks, the engines load and the hearer works; during the silence that ends a
sentence, painting has already begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import events, record
from orchestrator.errors import AudioToImageError
from orchestrator.events import Event
from orchestrator.gallery import Gallery
from orchestrator.line import pipeline
from orchestrator.line.engines import Line
from orchestrator.line.order import Order, Prompt, find_source, make_order, make_wish
from orchestrator.line.talking.ahead import QUICK, Ahead
from orchestrator.line.talking.rehearing import Rehearing
from orchestrator.refine import Again, Amend, Undo, refine
from orchestrator.sound import Samples

INFINITE = float("inf")
Confirm = Callable[[str], str]  # returns the edited prompt, or raises Cancelled


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sentence asks for."""

    prompt: Prompt
    image: str = ""  # to paint from
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Made:
    """A picture of this conversation."""

    plan: Plan
    kept: events.Kept


def made_before(kept: events.Kept) -> Made:
    """Return a picture that was made earlier as the last one of a conversation."""
    return Made(plan=Plan(prompt=Prompt(text=kept.recipe.prompt)), kept=kept)


class Talk:
    """A conversation."""

    def __init__(
        self,
        line: Line,
        *,
        image: str = "",
        drafts: bool = False,
        confirm: Confirm | None = None,
        made: list[Made] | None = None,
    ) -> None:
        self.line = line
        self.made = [] if made is None else made  # the pictures so far, which a sentence may refine
        self._image, self._drafts, self._confirm = image, drafts, confirm
        self._introduced = False
        self._seed: int | None = None  # of this sentence: its drafts and its picture share it
        # Refuse impossible settings and missing models before anyone speaks.
        make_wish(line.settings, "anything", find_source(line.settings, image))
        for role in ("speech", "picture"):
            line.model(role)

    def sentence(self, path: Path, stop: record.Stop, sound: Generator[Samples] | None = None) -> Generator[Event]:
        """Record a sentence, hear it and paint it; the recording is kept if that fails, or if `keep_audio` is set.

        `sound` replaces this machine's microphone.
        """
        self._seed = None
        drafts = self._drafts and self.step_seconds() <= QUICK
        ahead = Ahead(self.line.picture, self._order_ahead, drafts=drafts)
        with _recording(path, keep=self.line.settings.keep_audio), closing(ahead):
            prompt = yield from self._listen(path, stop, ahead, sound)
            if self._confirm:
                prompt = replace(prompt, text=self._confirm(prompt.text))
            yield from self._paint(prompt, ahead)

    def paint(self, prompt: Prompt) -> Iterator[Event]:
        """Paint words that were typed, or heard elsewhere."""
        yield from pipeline.introduce(self.line, "picture")
        yield from self._paint(prompt, None)

    def plan(self, prompt: Prompt) -> Plan | None:
        """Return what to paint for a sentence, given the pictures before it; None if it undoes the last one."""
        settings = self.line.settings
        last = self.made[-1] if self.made else None
        match refine(prompt.text, last.kept.recipe.prompt) if last and settings.refine else None:
            case Undo():
                return None
            case Again() if last:
                return replace(last.plan, seed=None, prompt=replace(prompt, text=last.plan.prompt.text))
            case Amend(prompt=text) if last:
                seed, image = last.kept.recipe.seed, str(last.kept.path)
                return Plan(prompt=replace(prompt, text=text), image=image, seed=seed)
        return Plan(prompt=prompt, image=self._image, seed=settings.seed)

    def order(self, plan: Plan, *, steps: int | None = None) -> Order:
        """Return the order for a plan; `steps` if it is a draft."""
        settings = replace(self.line.settings, seed=self._seed if plan.seed is None else plan.seed)
        settings = replace(settings, steps=steps, count=1) if steps else settings
        order = make_order(settings, plan.prompt, find_source(settings, plan.image))
        self._seed = order.wish.seed
        return order

    def step_seconds(self) -> float:
        """Return how long a step of painting took the last time."""
        last = self.made[-1].kept.recipe if self.made else None
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
        plan = self.plan(prompt)
        if plan is None:
            yield from self._go_back()
            return
        if plan.prompt.text != prompt.text:
            yield events.Note(text=f"now:    {plan.prompt.text}")
        painter, begun = self.line.picture, time.perf_counter()
        if not painter.loaded:
            yield events.Working(what="loading the picture model")
        painter.load()
        load = time.perf_counter() - begun
        order, call = (ahead.take(prompt) if ahead else None) or (self.order(plan), None)
        for event in pipeline.follow_painting(self.line, order, call or painter.paint(order.wish), load=load):
            if isinstance(event, events.Kept):
                self.made.append(Made(plan=plan, kept=event))
            yield event

    def _go_back(self) -> Iterator[Event]:
        if len(self.made) < 2:
            yield events.Note(text="there is no picture before this one")
            return
        self.made.pop()
        last = self.made[-1].kept
        yield events.Note(text=f"back to: {last.recipe.prompt}")
        yield last


@contextmanager
def _recording(path: Path, *, keep: bool) -> Iterator[None]:
    """Delete a recording after success, and when the person cancels; one that failed can be tried again."""
    try:
        yield
    except AudioToImageError as error:
        if error.exit_code == 130:
            path.unlink(missing_ok=True)
        raise
    except (KeyboardInterrupt, GeneratorExit):
        path.unlink(missing_ok=True)
        raise
    if not keep:
        path.unlink(missing_ok=True)
