"""Names of pictures: ids, file names, and what people type for them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime

from orchestrator.errors import Misuse, NotThere
from orchestrator.recipe import Recipe

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o and u, which are easily misread
ID_LENGTH = 10  # 50 bits
ID = re.compile(f"[{ALPHABET}]{{{ID_LENGTH}}}")
MISREAD = str.maketrans("ilo", "110")


def new_id() -> str:
    """Make a random id."""
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def file_name(recipe: Recipe) -> str:
    """Return the name of a picture's file; names sort by time."""
    return f"{datetime.fromisoformat(recipe.made):%Y%m%d-%H%M%S-%f}-{recipe.id}.png"


def readable(recipe: Recipe) -> str:
    """Return a file name with the date and the prompt."""
    slug = "-".join(re.findall(r"\w+", recipe.prompt.lower()))[:40].strip("-_")
    return f"{recipe.made[:10]}-{slug or 'picture'}-{recipe.id}.png"


def typed_id(wanted: str) -> str:
    """Correct the case and the misread letters of an id that a person typed."""
    return wanted.strip().lower().translate(MISREAD)


def only_id(wanted: str, ids: Sequence[str], where: str, hint: str) -> str:
    """Return the only id found; raise NotThere for none and Misuse for several."""
    if not ids or not wanted.strip():
        raise NotThere(f"no picture {wanted!r} {where}", hint)
    if len(ids) > 1:
        raise Misuse(f"{wanted!r} could be any of: {', '.join(ids)}", "type more of it")
    return ids[0]
