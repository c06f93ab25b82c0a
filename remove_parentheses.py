#!/usr/bin/env python3
"""Remove what nobody said from a transcript: text on standard input, the words to paint on standard output.

echo "[Music] a red house (laughs) by the sea" | ./remove_parentheses.py
"""

from __future__ import annotations

import sys

from orchestrator.clean import clean


def remove_parentheses(text: str) -> str:
    """Give back the words without (laughs), [MUSIC], *sighs* and their kin."""
    return clean(text).prompt


def main() -> None:
    """Filter; nothing left is no failure here."""
    text = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    words = remove_parentheses(text)
    sys.stdout.buffer.write(f"{words}\n".encode() if words else b"")


if __name__ == "__main__":
    main()
