"""Words while someone speaks: blocks of sound come in; what a hearer makes of all of them goes out, again and again.

The hearer is asked anew whenever it is free and enough was said since, and once more when the speech has paused. If the
speech does not resume, that answer is the final one, and the silence that ends the sentence has hidden its cost.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.hear.speech import Heard, believed, joined
from orchestrator.hear.speech.voice import Voice
from orchestrator.sound import SAMPLE_RATE, Samples

if TYPE_CHECKING:
    from orchestrator.line.engines import HearerElsewhere

NEWS = 0.5  # seconds of new speech that are worth a question
REST = 2.0  # times as long as an answer took, before the next question: a slow hearer is to be free when speech ends
TAIL = 0.2  # seconds after the last voice that a final answer must have heard, for the breath of a last "s"


class Rehearing:
    """Hears one growing recording."""

    def __init__(self, hearer: HearerElsewhere) -> None:
        self.voice = Voice()
        self.heard = Heard(text="", no_speech="nobody spoke")
        self.took = 0.0  # seconds, the last answer
        self._hearer = hearer
        self._blocks: list[Samples] = []
        self._longest = float("inf")  # seconds that the hearer takes at once; known once it has loaded
        self._seconds = 0.0  # of all blocks
        self._asked: float | None = None  # seconds of sound in the question under way
        self._answered = 0.0  # seconds of sound that `heard` is about
        self._begun = 0.0

    def listen(self, samples: Samples) -> bool:
        """Take the next block; tell whether there are new words."""
        self.voice.listen(samples)
        self._seconds += len(samples) / SAMPLE_RATE
        if self._seconds <= self._longest:
            self._blocks.append(samples)
        before = self.heard.text
        if self._asked is not None and self._hearer.answered:
            self._take_answer()
        if self._asked is None and self._due():
            self._ask()
        return self.heard.text != before

    @property
    def settled(self) -> bool:
        """Tell whether nobody speaks and all that was said is heard."""
        return bool(self.heard.text) and not self.voice.speaking and self._covered()

    def final(self) -> Heard | None:
        """Hear the rest, now that the recording is whole; None where it is too long to be heard at once."""
        if self._asked is not None:
            self._take_answer()
        if not self.voice.spans:
            return self.heard
        if not self._covered():
            if not self._fits():
                return None
            self._ask()
            self._take_answer()
        return self.heard

    def _due(self) -> bool:
        spans = self.voice.spans
        if not spans or not self._hearer.loaded or not self._fits():
            return False
        if self.voice.speaking:
            return spans[-1].end - self._answered >= max(NEWS, REST * self.took)
        return not self._covered()

    def _covered(self) -> bool:
        spans = self.voice.spans
        return bool(spans) and self._answered >= min(spans[-1].end + TAIL, self._seconds)

    def _fits(self) -> bool:
        if self._longest == float("inf"):
            self._longest = self._hearer.longest
        if self._seconds > self._longest:
            self._blocks.clear()
        return self._seconds <= self._longest

    def _ask(self) -> None:
        self._begun = time.perf_counter()
        self._hearer.begin("hear", np.concatenate(self._blocks))
        self._asked = self._seconds

    def _take_answer(self) -> None:
        heard = believed(self._hearer.finish(), self.voice.spans)
        self.heard = joined(Heard(text="", no_speech="nobody spoke"), heard, after=0.0)
        self.took = time.perf_counter() - self._begun
        self._answered, self._asked = self._asked or 0.0, None
