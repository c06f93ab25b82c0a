"""What is in a recording: `speech/` writes down the words.

A hearer takes samples at its own rate, a piece at a time, and returns their meaning. The room of each kind of hearer
has an `open_hearer`, which runs in the engine's process, and a `listen`, which hears a whole recording with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.meaning import Meaning
    from orchestrator.sound import Samples


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What does not change about a hearer."""

    engine: str  # the program or library that runs the model
    model: str
    sample_rate: int  # hertz, of the samples it takes
    longest: float  # seconds, of the longest piece it takes


class Hearer(Protocol):
    """A model that hears."""

    @property
    def facts(self) -> Facts:
        """Return what does not change about it."""

    def load(self) -> Facts:
        """Load the model into memory."""

    def hear(self, samples: Samples) -> Meaning:
        """Return what is in one piece of sound; loads if needed."""

    def unload(self) -> None:
        """Free the memory."""
