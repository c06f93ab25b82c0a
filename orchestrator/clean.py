"""Transcript to prompt: raw words come in; words without non-speech tags, and the tags, go out. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What is left to paint, and what was taken."""

    prompt: str
    removed: tuple[str, ...] = ()


def clean(text: str) -> Cleaned:
    """Remove what a speech model writes that nobody said: (laughs), [MUSIC], *sighs*, notes, speaker turns."""
    raise NotImplementedError
