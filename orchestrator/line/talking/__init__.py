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

from orchestrator import events, files, record
from orchestrator.errors import AudioToImageError, NoSpeech
from orchestrator.events import Event
from orchestrator.gallery import Gallery
from orchestrator.line import pipeline
from orchestrator.line.engines import Line
from orchestrator.line.order import Order, Said, asked, find_source, settled
from orchestrator.line.talking.ahead import Ahead
from orchestrator.line.talking.rehearing import Rehearing
from orchestrator.refine import Again, Amend, Undo, refine
from orchestrator.sound import Samples

INFINITE = float("inf")
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


def made_before(kept: events.Kept) -> Made:
    """Take a picture that was made before this conversation as its last one."""
    return Made(plan=Plan(said=Said(prompt=kept.recipe.prompt)), kept=kept)


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
        self._seed: int | None = None  # of this sentence: its drafts and its picture have the same one
        # What cannot be is refused before anyone speaks.
        asked(line.settings, "anything", find_source(Gallery(line.settings.gallery), image) if image else None)
        _ = line.speech_model, line.model

    def sentence(self, path: Path, stop: record.Stop, sound: Generator[Samples] | None = None) -> Generator[Event]:
        """Record a sentence, hear it and paint it; the recording stays only if that fails, or if it is wanted.

        `sound` takes the place of this machine's microphone.
        """
        with _recording(path, keep=self.line.settings.keep_audio):
            self._seed = None
            ahead = Ahead(self, drafts=self._drafts)
            said = yield from self._listen(path, stop, ahead, sound)
            if self._confirm:
                said = replace(said, prompt=self._confirm(said.prompt))
            yield from self._paint(said, ahead)

    def written(self, said: Said) -> Iterator[Event]:
        """Paint words that were written, or heard elsewhere."""
        yield from pipeline.say_which("picture", self.line.model)
        yield from self._paint(said, Ahead(self, drafts=False))

    def plan(self, said: Said) -> Plan | None:
        """Tell what a sentence asks to be painted, given the pictures before it; None where it goes back."""
        settings = self.line.settings
        last = self.made[-1] if self.made else None
        match refine(said.prompt, last.kept.recipe.prompt) if last and settings.refine else None:
            case Undo():
                return None
            case Again() if last:
                return replace(last.plan, seed=None, said=replace(said, prompt=last.plan.said.prompt))
            case Amend(prompt=prompt) if last:
                seed, image = last.kept.recipe.seed, str(last.kept.path)
                return Plan(said=replace(said, prompt=prompt), image=image, seed=seed)
        return Plan(said=said, image=self._image, seed=settings.seed)

    def order(self, plan: Plan, *, steps: int | None = None) -> Order:
        """Settle what the painter is asked; `steps` of a draft."""
        settings = replace(self.line.settings, seed=self._seed if plan.seed is None else plan.seed)
        settings = replace(settings, steps=steps, count=1) if steps else settings
        source = find_source(Gallery(settings.gallery), plan.image) if plan.image else None
        request = asked(settings, plan.said.prompt, source)
        self._seed = request.seed
        return settled(self.line, plan.said, request, source)

    def step_seconds(self) -> float:
        """Tell how long a step of painting took the last time."""
        last = self.made[-1].kept.recipe if self.made else None
        for kept in () if last else Gallery(self.line.settings.gallery).list(1):
            last = kept.recipe
        known = last is not None and last.model == self.line.model.name
        return last.timings.get("paint", INFINITE) / last.steps if last and known and last.steps else INFINITE

    def _listen(
        self, path: Path, stop: record.Stop, ahead: Ahead, sound: Generator[Samples] | None
    ) -> Generator[Event, None, Said]:
        line, settings = self.line, self.line.settings
        line.hearer.start()
        line.painter.start()
        yield from self._introduce()
        microphone = record.record(path, seconds=settings.seconds, device=settings.device, stop=stop, sound=sound)
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
                    yield from ahead.consider(rehearing)
                if rehearing.voice.finished(settings.silence):
                    stop("silence")
        return (yield from self._understand(path, rehearing))

    def _introduce(self) -> Iterator[Event]:
        """Say which models are used, once in a conversation."""
        if not self._introduced:
            yield from pipeline.say_which("speech", self.line.speech_model)
            yield from pipeline.say_which("picture", self.line.model)
        self._introduced = True

    def _understand(self, path: Path, rehearing: Rehearing | None) -> Generator[Event, None, Said]:
        begun = time.perf_counter()
        if not self.line.hearer.loaded:
            yield events.Working(what="loading the speech model")
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
        return replace(pipeline.said_of(heard, cleaned), recording=files.sha256(path), seconds=took)

    def _paint(self, said: Said, ahead: Ahead) -> Iterator[Event]:
        plan = self.plan(said)
        if plan is None:
            yield from self._back()
            return
        if plan.said.prompt != said.prompt:
            yield events.Note(text=f"now:    {plan.said.prompt}")
        begun = time.perf_counter()
        if not self.line.painter.loaded:
            yield events.Working(what="loading the picture model")
        self.line.painter.load()
        load = time.perf_counter() - begun
        begun_order = ahead.take(said)
        order = begun_order or self.order(plan)
        for event in pipeline.painted(self.line, order, load=load, begun=begun_order is not None):
            if isinstance(event, events.Kept):
                self.made.append(Made(plan=plan, kept=event))
            yield event

    def _back(self) -> Iterator[Event]:
        if len(self.made) < 2:
            yield events.Note(text="there is no picture before this one")
            return
        self.made.pop()
        last = self.made[-1].kept
        yield events.Note(text=f"back to: {last.recipe.prompt}")
        yield last


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
