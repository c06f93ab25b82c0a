"""What was understood of a recording or a picture, and the evidence for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Which engine and model understood it, and from which file; empty means unknown."""

    engine: str = ""
    model: str = ""
    model_revision: str = ""
    model_digest: str = ""  # SHA-256
    source: str = ""  # SHA-256 of the recording or picture


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Words said without a pause; times in seconds, None where the model has none."""

    text: str
    start: float | None = None
    end: float | None = None
    probability: float | None = None  # geometric mean over the tokens


@dataclass(frozen=True, kw_only=True)
class Words:
    """What was said."""

    text: str
    segments: tuple[Segment, ...] = ()
    language: str = ""
    translated: bool = False  # into English
    evidence: Evidence = Evidence()

    @property
    def probability(self) -> float | None:
        """Return how sure the model is, from 0 to 1: the mean over its segments, weighted by their length."""
        weighted = [(each.probability, len(each.text)) for each in self.segments if each.probability is not None]
        total = sum(weight for _, weight in weighted)
        return sum(probability * weight for probability, weight in weighted) / total if total else None


@dataclass(frozen=True, kw_only=True)
class Label:
    """A sound or a thing that was recognised; times in seconds, None for a picture."""

    id: str
    name: str
    score: float
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What was recognised."""

    labels: tuple[Label, ...]
    evidence: Evidence = Evidence()


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A point in a model's space, such as CLIP's or CLAP's."""

    space: str
    numbers: Sequence[float]
    evidence: Evidence = Evidence()


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """There was nothing to go on."""

    reason: str  # one short phrase
    evidence: Evidence = Evidence()


Meaning: TypeAlias = Words | Labels | Vector | Nothing
