#!/usr/bin/env python3
"""Remove what nobody said from a transcript: text on standard input, the words to paint on standard output.

echo "[Music] a red house (laughs) by the sea" | ./remove_parentheses.py
"""

from __future__ import annotations

import sys

from orchestrator.clean import clean, clean_bytes


def remove_parentheses(text: str) -> str:
    """Give back the words without (laughs), [MUSIC], *sighs* and their kin."""
    return clean(text).prompt


if __name__ == "__main__":
    sys.stdout.buffer.write(clean_bytes(sys.stdin.buffer.read()))
