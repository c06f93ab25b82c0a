"""Recording to words: sound comes in, `Heard` goes out.

Engines are named here and imported only when one is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.sound import Samples, Span

HEARERS = {
    "whisper": "orchestrator.hear.whisper:Whisper",
    "whisper-cli": "orchestrator.hear.whisper_cli:WhisperCli",
}


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Words said without a pause; times in seconds, None where the model has none."""

    text: str
    start: float | None = None
    end: float | None = None
    probability: float | None = None  # geometric mean over the tokens


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a hearer makes of a recording."""

    text: str
    segments: tuple[Segment, ...] = ()
    language: str = ""
    hearer: str = ""
    model: str = ""
    spoken: tuple[Span, ...] = ()  # where the voice detector found speech
    no_speech: str = ""  # why there are no words: one short phrase

    @property
    def probability(self) -> float | None:
        """Tell how sure the model is, from 0 to 1: the mean over the segments, weighted by their length."""
        raise NotImplementedError


class Hearer(Protocol):
    """A model that listens."""

    @property
    def longest(self) -> float:
        """Tell the seconds of the longest piece it takes."""

    def load(self) -> None:
        """Bring the model into memory."""

    def hear(self, samples: Samples) -> Heard:
        """Hear one piece; loads if need be."""

    def unload(self) -> None:
        """Give the memory back."""


def open_hearer(
    model: Path,
    *,
    hearer: str = "auto",
    language: str = "auto",
    translate: bool = False,
    threads: int = 0,
    initial_prompt: str = "",
) -> Hearer:
    """Check a model's file and choose an engine for it; nothing heavy is loaded before `load`."""
    raise NotImplementedError


def listen(
    hearer: Hearer, blocks: Iterable[Samples], spans: Callable[[Iterable[Samples]], Sequence[Span]]
) -> Iterator[Heard]:
    """Hear a recording of any length; yield all that was heard so far after each piece, at last the whole.

    `spans` (of `voice`) decides whether a piece has speech in it before the hearer is asked.
    """
    raise NotImplementedError
