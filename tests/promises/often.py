"""How many times a promise is tried: few in every test run, many in `make promises`."""

from __future__ import annotations

import os

LONG = os.environ.get("PROMISES") == "long"


def often(short: int, long: int) -> int:
    """Choose between the short form's number and the long form's."""
    return long if LONG else short
