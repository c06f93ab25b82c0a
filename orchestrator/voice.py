"""Where speech starts and ends: blocks of samples come in, spans of speech go out.

Silero decides, on one thread; a cheap look at the energy comes first, so that it sleeps through silence.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.sound import Samples, Span


class Voice:
    """Listens to blocks of sound as they come."""

    def __init__(self) -> None:
        raise NotImplementedError

    def listen(self, samples: Samples) -> None:
        """Take the next block, of any length."""
        raise NotImplementedError

    @property
    def speaking(self) -> bool:
        """Tell whether someone speaks at this moment."""
        raise NotImplementedError

    @property
    def spans(self) -> tuple[Span, ...]:
        """Tell where speech was heard so far; the last span may still grow."""
        raise NotImplementedError

    def finished(self, silence: float) -> bool:
        """Tell whether a sentence was said and at least `silence` seconds have passed since."""
        raise NotImplementedError


def spans(blocks: Iterable[Samples]) -> tuple[Span, ...]:
    """Find the speech in a whole recording: nothing in silence, noise, hum and tones."""
    raise NotImplementedError
