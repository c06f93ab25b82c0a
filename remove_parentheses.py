#!/usr/bin/env python3
"""Remove non-speech tags from a transcript: reads stdin, writes the prompt to stdout.

echo "[Music] a red house (laughs) by the sea" | ./remove_parentheses.py
"""

from __future__ import annotations

import sys

from orchestrator.clean import clean, clean_bytes


def remove_parentheses(text: str) -> str:
    """Return the text without tags such as (laughs), [MUSIC] and *sighs*."""
    return clean(text).prompt


if __name__ == "__main__":
    sys.stdout.buffer.write(clean_bytes(sys.stdin.buffer.read()))
