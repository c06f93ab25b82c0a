"""Measured figures in a model card."""

from __future__ import annotations

from pathlib import Path


def write_figures(card: Path, begin: str, end: str, figures: str) -> None:
    """Replace the text between two marks of a model card."""
    head, rest = card.read_text().split(begin)
    card.write_text(f"{head}{begin}\n{figures}\n{end}{rest.split(end)[1]}")
