"""Painting before it is certain what to paint.

While silence decides whether a sentence has ended, the words so far are painted already; if the speech goes on, that
work is dropped. With drafts, words are painted in a few steps even while someone speaks, if steps are so short that
this cannot delay the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator import events
from orchestrator.clean import clean
from orchestrator.line.order import Order, Prompt
from orchestrator.meaning import Words

if TYPE_CHECKING:
    from orchestrator.line.engines import PaintCall, Painter
    from orchestrator.line.talking.rehearing import Rehearing
    from orchestrator.paint import Decision

DRAFT_STEPS = 4
QUICK = 0.15  # seconds: a step this short ends before the last words are heard
NEW_WORDS = 3  # more than the last draft shows, for another draft

# Returns the order for a prompt, with so many steps or the model's own number; None if there is nothing to paint.
OrderFor = Callable[[Prompt, int | None], Order | None]


class Ahead:
    """Paints ahead of one sentence's end."""

    def __init__(self, painter: Painter, order_for: OrderFor, *, drafts: bool) -> None:
        self._painter, self._order_for, self._drafts = painter, order_for, drafts
        self._order: Order | None = None
        self._call: PaintCall | None = None
        self._values: Iterator[Decision | events.Painted] = iter(())
        self._drafting = False
        self._drafted = 0  # words in the last draft

    def consider(self, rehearing: Rehearing) -> Iterator[events.Drafted]:
        """Start painting once the speech has paused and all of it was heard; stop if it continues."""
        if self._call and self._drafting:
            yield from self._continue_draft(self._call, rehearing)
        elif self._call and self._order:
            self._call.poll()
            if not rehearing.complete or rehearing.meaning != self._order.prompt.heard:
                self._stop()
        elif isinstance(rehearing.meaning, Words):
            self._begin(rehearing.meaning, rehearing)

    def take(self, prompt: Prompt) -> tuple[Order, PaintCall] | None:
        """Return what is being painted, if it is painted for this prompt."""
        order, call = self._order, self._call
        if not order or not call:
            return None
        call.poll()
        transcripts = [each.text if each else "" for each in (order.prompt.heard, prompt.heard)]
        if self._drafting or call.failed or transcripts[0] != transcripts[1]:
            self._stop()
            return None
        self._order = self._call = None  # the caller's from here on
        return replace(order, prompt=replace(order.prompt, heard=prompt.heard, seconds=prompt.seconds)), call

    def close(self) -> None:
        """Cancel what is being painted and was not taken."""
        self._stop()

    def _begin(self, words: Words, rehearing: Rehearing) -> None:
        if rehearing.complete and self._painter.free:
            self._paint(words)
        elif self._drafts and rehearing.voice.speaking and self._has_new_words(words) and self._painter.free:
            self._drafted = len(words.text.split())
            self._paint(words, steps=DRAFT_STEPS)
            self._drafting = self._call is not None

    def _paint(self, words: Words, *, steps: int | None = None) -> None:
        cleaned = clean(words.text)
        if not cleaned.prompt:
            return
        self._order = self._order_for(Prompt(text=cleaned.prompt, heard=words, removed=cleaned.removed), steps)
        if self._order:
            self._call = self._painter.paint(self._order.wish)
            self._values = iter(self._call)

    def _continue_draft(self, call: PaintCall, rehearing: Rehearing) -> Iterator[events.Drafted]:
        newest, done = None, False
        while call.poll() and not call.failed and (value := next(self._values, None)) is not None:
            if isinstance(value, events.Painted):
                newest, done = value, value.pixels is not None
        if newest:
            yield events.Drafted(index=newest.index, steps=newest.steps, step=newest)
        if done or call.failed or not rehearing.voice.speaking:
            self._stop()

    def _stop(self) -> None:
        if self._call:
            self._call.cancel()
        self._order, self._call, self._drafting = None, None, False

    def _has_new_words(self, words: Words) -> bool:
        return len(words.text.split()) >= self._drafted + NEW_WORDS
