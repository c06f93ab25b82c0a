"""The line from the microphone: sentences come in, pictures go out, and no stage waits that could work.

The engines load and the hearer hears while someone speaks; while silence decides whether the sentence has ended,
painting has already begun, and goes on if it has. A sentence may refine the picture before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import events, pipeline, record, sound
from orchestrator.engines import Line
from orchestrator.errors import AudioToImageError, NoSpeech
from orchestrator.events import Event
from orchestrator.gallery import Gallery
from orchestrator.hear import Heard
from orchestrator.order import Order, Said, asked, find_source, settled
from orchestrator.refine import Again, Amend, Undo, refine
from orchestrator.rehearing import Rehearing

Confirm = Callable[[str], str]  # a prompt, as the person will have it; raises Cancelled where they will not


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sentence asks for."""

    said: Said
    image: str = ""  # to paint from
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Made:
    """A picture of this conversation."""

    plan: Plan
    kept: events.Kept


class Talk:
    """A conversation."""

    def __init__(self, line: Line, *, image: str = "", refining: bool = True, confirm: Confirm | None = None) -> None:
        self.line = line
        self._image, self._refining, self._confirm = image, refining, confirm
        self._made: list[Made] = []
        asked(line.settings, "anything", None)  # refuses what cannot be before anyone speaks

    def sentence(self, path: Path, stop: record.Stop) -> Iterator[Event]:
        """Record a sentence, hear it and paint it; the recording stays only if that fails, or if it is wanted."""
        with _recording(path, keep=self.line.settings.keep_audio):
            head_start = HeadStart(self)
            said = yield from self._listen(path, stop, head_start)
            if self._confirm:
                said = replace(said, prompt=self._confirm(said.prompt))
            yield from self._paint(said, head_start)

    def plan(self, said: Said) -> Plan | Undo:
        """Tell what a sentence asks for, given the pictures before it."""
        settings = self.line.settings
        last = self._made[-1] if self._made else None
        match refine(said.prompt, last.kept.recipe.prompt) if last and self._refining else None:
            case Undo() as undo:
                return undo
            case Again() if last:
                return replace(last.plan, seed=None, said=replace(said, prompt=last.plan.said.prompt))
            case Amend(prompt=prompt) if last:
                seed, image = last.kept.recipe.seed, str(last.kept.path)
                return Plan(said=replace(said, prompt=prompt), image=image, seed=seed)
        return Plan(said=said, image=self._image, seed=settings.seed)

    def order(self, plan: Plan) -> Order:
        """Settle what the painter is asked."""
        settings = replace(self.line.settings, seed=plan.seed)
        source = find_source(Gallery(settings.gallery), plan.image) if plan.image else None
        return settled(self.line, plan.said, asked(settings, plan.said.prompt, source), source)

    def _listen(self, path: Path, stop: record.Stop, head_start: HeadStart) -> Generator[Event, None, Said]:
        line, settings = self.line, self.line.settings
        line.hearer.start()
        line.painter.start()
        yield from pipeline.say_which("speech", line.speech_model)
        yield from pipeline.say_which("picture", line.model)
        microphone = record.record(path, seconds=settings.seconds, device=settings.device, stop=stop)
        rehearing: Rehearing | None = None
        with closing(microphone):
            for event in microphone:
                yield pipeline.recording_event(event, settings.seconds)
                if not isinstance(event, record.Level):
                    continue
                rehearing = rehearing or Rehearing(line.hearer)
                if rehearing.listen(event.samples):
                    yield events.Words(text=rehearing.heard.text)
                if not self._confirm:
                    head_start.consider(rehearing)
                if rehearing.voice.finished(settings.silence):
                    stop("silence")
        return (yield from self._understand(path, rehearing))

    def _understand(self, path: Path, rehearing: Rehearing | None) -> Generator[Event, None, Said]:
        begun = time.perf_counter()
        heard = rehearing.final() if rehearing else None
        if heard is None:
            heard = yield from pipeline.transcript(self.line, path)
        elif not heard.text:
            raise NoSpeech(f"no speech heard: {heard.no_speech}", pipeline.SPEAK_UP)
        else:
            yield from pipeline.understood(self.line, heard)
        cleaned = pipeline.cleaning(heard.text)
        yield cleaned
        took = round(time.perf_counter() - begun, 3)
        return replace(_said(heard, cleaned), recording=sound.sha256(path), seconds=took)

    def _paint(self, said: Said, head_start: HeadStart) -> Iterator[Event]:
        plan = self.plan(said)
        if isinstance(plan, Undo):
            yield from self._back()
            return
        begun = time.perf_counter()
        self.line.painter.load()
        load = time.perf_counter() - begun
        ahead = head_start.take(said)
        for event in pipeline.painted(self.line, ahead or self.order(plan), load=load, begun=ahead is not None):
            if isinstance(event, events.Kept):
                self._made.append(Made(plan=plan, kept=event))
            yield event

    def _back(self) -> Iterator[Event]:
        if len(self._made) < 2:
            yield events.Note(text="there is no picture before this one")
            return
        self._made.pop()
        last = self._made[-1].kept
        yield events.Note(text=f"back to: {last.recipe.prompt}")
        yield last


class HeadStart:
    """Begins to paint what was probably said, while silence decides whether the sentence has ended."""

    def __init__(self, talk: Talk) -> None:
        self._talk, self._painter = talk, talk.line.painter
        self._heard: Heard | None = None  # what is being painted
        self._order: Order | None = None

    def consider(self, rehearing: Rehearing) -> None:
        """Begin where all is heard and nobody speaks; stop where the speech goes on."""
        if self._order:
            self._painter.gather()
            if not rehearing.settled or rehearing.heard != self._heard:
                self._painter.stop()
                self._order = None
        elif rehearing.settled and rehearing.heard != self._heard and self._painter.free:
            self._begin(rehearing.heard)

    def take(self, said: Said) -> Order | None:
        """Give the order that is being painted, if it is for what was said."""
        order, self._order = self._order, None
        if not order:
            return None
        if order.recipe.transcript != said.transcript:
            self._painter.stop()
            return None
        return replace(order, recipe=replace(order.recipe, recording=said.recording), hear=said.seconds)

    def _begin(self, heard: Heard) -> None:
        self._heard = heard
        try:
            plan = self._talk.plan(_said(heard, pipeline.cleaning(heard.text)))
        except NoSpeech:
            return
        if isinstance(plan, Plan):
            self._order = self._talk.order(plan)
            self._painter.begin("paint", self._order.request)


def _said(heard: Heard, cleaned: events.Cleaned) -> Said:
    return Said(
        prompt=cleaned.prompt,
        removed=cleaned.removed,
        transcript=heard.text,
        hearer=heard.hearer,
        language=heard.language,
    )


@contextmanager
def _recording(path: Path, *, keep: bool) -> Iterator[None]:
    """Delete a recording when all went well, and when the person changed their mind; what failed can be tried again."""
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
