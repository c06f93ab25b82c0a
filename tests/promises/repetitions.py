"""How many times a test repeats what it does: a few times in every run, many in `make promises`."""

from __future__ import annotations

import os

LONG = os.environ.get("PROMISES") == "long"


def repetitions(short: int, long: int) -> int:
    """Return the number for an ordinary run, or the one for `make promises`."""
    return long if LONG else short
