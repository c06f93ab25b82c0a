"""Words while someone speaks: the growing recording is heard again and again.

The hearer is called whenever it is free and enough new speech has arrived, and once more when the speech has paused. If
the speech does not resume, that answer is final, and was ready before the silence ended the sentence.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.hear.speech import SILENT, believe
from orchestrator.hear.speech.voice import Voice
from orchestrator.meaning import Meaning, Nothing, Words
from orchestrator.sound import SAMPLE_RATE, Samples

if TYPE_CHECKING:
    from orchestrator.line.engines import Hearer
    from orchestrator.worker import Call

NEW_SPEECH = 0.5  # seconds that are worth a call
REST = 2.0  # times as long as the last answer took, before the next call: the hearer must be free when the speech ends
TAIL = 0.2  # seconds after the last voice that a final answer must cover, for the breath of a last "s"


class Rehearing:
    """Hears one growing recording."""

    def __init__(self, hearer: Hearer) -> None:
        self.voice = Voice()
        self.meaning: Words | Nothing = SILENT
        self.took = 0.0  # seconds, the last answer
        self._hearer = hearer
        self._blocks: list[Samples] = []
        self._longest = float("inf")  # seconds that the hearer takes at once; known once it has loaded
        self._seconds = 0.0  # of all blocks
        self._call: Call[Meaning] | None = None
        self._asked = 0.0  # seconds of sound in that call
        self._answered = 0.0  # seconds of sound that `meaning` is about
        self._begun = 0.0

    @property
    def text(self) -> str:
        """Return the words so far."""
        return self.meaning.text if isinstance(self.meaning, Words) else ""

    def listen(self, samples: Samples) -> bool:
        """Take the next block; return whether there are new words."""
        self.voice.listen(samples)
        self._seconds += len(samples) / SAMPLE_RATE
        if self._seconds <= self._longest:
            self._blocks.append(samples)
        before = self.text
        if self._call and self._call.poll():
            self._take_answer(self._call)
        if not self._call and self._due():
            self._call = self._ask()
        return self.text != before

    @property
    def complete(self) -> bool:
        """Return whether the speech has paused and all of it was heard."""
        return bool(self.text) and not self.voice.speaking and self._covered()

    def final(self) -> Words | Nothing | None:
        """Hear the rest of the whole recording; return None if it is too long for one call."""
        if self._call:
            self._take_answer(self._call)
        if self.voice.spans and not self._covered():
            if not self._fits():
                return None
            self._take_answer(self._ask())
        return self.meaning

    def _due(self) -> bool:
        spans = self.voice.spans
        if not spans or not self._hearer.loaded or not self._fits():
            return False
        if self.voice.speaking:
            return spans[-1].end - self._answered >= max(NEW_SPEECH, REST * self.took)
        return not self._covered()

    def _covered(self) -> bool:
        spans = self.voice.spans
        return bool(spans) and self._answered >= min(spans[-1].end + TAIL, self._seconds)

    def _fits(self) -> bool:
        """Return whether the hearer takes the whole recording at once, at the rate of its samples."""
        facts = self._hearer.load()
        self._longest = facts.longest if facts.sample_rate == SAMPLE_RATE else 0.0
        if self._seconds > self._longest:
            self._blocks.clear()
        return self._seconds <= self._longest

    def _ask(self) -> Call[Meaning]:
        self._begun, self._asked = time.perf_counter(), self._seconds
        return self._hearer.hear(np.concatenate(self._blocks))

    def _take_answer(self, call: Call[Meaning]) -> None:
        self._call = None
        self.meaning = believe(call.result(), self.voice.spans)
        self.took = time.perf_counter() - self._begun
        self._answered = self._asked
