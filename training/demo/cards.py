"""Measured figures in a model card."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def write_figures(card: Path, figures: str) -> None:
    """Replace the text between a model card's two marks."""
    head, rest = card.read_text().split(BEGIN)
    card.write_text(f"{head}{BEGIN}\n{figures}\n{END}{rest.split(END)[1]}")
