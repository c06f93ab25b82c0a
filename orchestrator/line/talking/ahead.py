"""Painting before it is certain what to paint: what was heard so far comes in; steps that may turn out to count go out.

While silence decides whether a sentence has ended, what was probably said is painted already; if the speech goes on,
that was for nothing. With drafts, words are painted in a few steps even while someone speaks, where a step is so short
that it cannot delay the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator import events
from orchestrator.errors import NoSpeech
from orchestrator.hear.speech import Heard
from orchestrator.line import pipeline
from orchestrator.line.order import Order, Said
from orchestrator.line.talking.rehearing import Rehearing

if TYPE_CHECKING:
    from orchestrator.line.talking import Talk

DRAFT_STEPS = 4
QUICK = 0.15  # seconds: a step as short is over before the last words are heard
FRESH = 3  # words more than the last draft shows


class Ahead:
    """Paints ahead of one sentence's end."""

    def __init__(self, talk: Talk, *, drafts: bool) -> None:
        self._talk, self._painter = talk, talk.line.painter
        self._drafts = drafts and talk.step_seconds() <= QUICK
        self._drafting = False
        self._drafted = 0  # words in the last draft
        self._heard: Heard | None = None  # what is being painted
        self._order: Order | None = None

    def consider(self, rehearing: Rehearing) -> Iterator[events.Drafted]:
        """Begin where all is heard and nobody speaks; stop where the speech goes on."""
        if self._drafting:
            yield from self._go_on_drafting(rehearing)
        elif self._order:
            self._painter.gather()
            if not rehearing.settled or rehearing.heard != self._heard:
                self._stop()
        elif rehearing.settled and self._painter.free:
            self._begin(rehearing.heard)
        elif self._drafts and rehearing.voice.speaking and self._news(rehearing.heard) and self._painter.free:
            self._drafted = len(rehearing.heard.text.split())
            self._begin(rehearing.heard, steps=DRAFT_STEPS)
            self._drafting = self._order is not None

    def take(self, said: Said) -> Order | None:
        """Give the order that is being painted, if it is for what was said."""
        order = self._order
        if not order:
            return None
        if self._drafting or order.recipe.transcript != said.transcript or not self._painter.begun:
            self._stop()
            return None
        return replace(order, recipe=replace(order.recipe, recording=said.recording), hear=said.seconds)

    def _go_on_drafting(self, rehearing: Rehearing) -> Iterator[events.Drafted]:
        steps = self._painter.gather()
        for step in steps[-1:]:
            yield events.Drafted(index=step.index, steps=step.steps, preview=step.preview)
        if not rehearing.voice.speaking or any(step.pixels is not None for step in steps):
            self._stop()

    def _begin(self, heard: Heard, *, steps: int | None = None) -> None:
        self._heard = heard
        try:
            plan = self._talk.plan(pipeline.said_of(heard, pipeline.cleaning(heard.text)))
        except NoSpeech:
            return
        if plan:
            self._order = self._talk.order(plan, steps=steps)
            self._painter.begin("paint", self._order.request)

    def _stop(self) -> None:
        self._painter.stop()
        self._order, self._drafting = None, False

    def _news(self, heard: Heard) -> bool:
        return len(heard.text.split()) >= self._drafted + FRESH
