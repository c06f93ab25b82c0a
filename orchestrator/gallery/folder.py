"""The gallery's folder: which pictures it holds, and the index brought in line with it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from orchestrator import files
from orchestrator import picture as png
from orchestrator.gallery import index
from orchestrator.gallery.names import ID
from orchestrator.recipe import Recipe

TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.+]+")
SETTLED_NS = 3 * 10**9  # a later change gets another time stamp, also where a file system counts in steps of 2 s
BATCH = 500  # rows in one transaction: they fit into SQLite's cache, which is slow when it overflows


def pictures(folder: Path) -> Iterator[tuple[Path, Recipe]]:
    """Yield the files that are pictures of ours, oldest first."""
    for name in sorted(_png_names(_listed(folder))):
        recipe = _recipe(folder / name)
        if recipe:
            yield folder / name, recipe


def fill(folder: Path, rows: index.Index) -> set[Path]:
    """Add a row for each picture to an empty index; return the pictures."""
    listed = sorted(_png_names(_listed(folder)))
    skipped = _add(folder, listed, rows)
    return {folder / name for name in listed if name not in skipped}


def heal(folder: Path, rows: index.Index) -> list[Path]:
    """Drop rows without a file and add rows for files without one; return the unfinished files in the folder.

    Nothing is listed if the folder and the files without a recipe have the stamps of the last comparison.
    """
    now, stamp = time.time_ns(), _stamp(folder)
    if rows.compared(stamp) and all(_stamp(folder / name) == known for name, known in rows.skipped().items()):
        return []
    known = rows.names()  # before the files: `keep` writes a file first and its row after it
    listed = _listed(folder)
    there = set(_png_names(listed))
    for name in known - there:
        rows.drop(name)
    skipped = _add(folder, sorted(there - known), rows)
    unfinished = [folder / name for name in listed if name.startswith(".") and name.endswith(files.PART)]
    if not unfinished and now - _changed_ns(folder) > SETTLED_NS:
        with suppress(index.Refused):  # the next look compares again
            rows.note_compared(stamp, skipped)
    return unfinished


def _add(folder: Path, added: list[str], rows: index.Index) -> dict[str, str]:
    """Add a row for each picture; return the stamps of the files that are none, or second copies."""
    skipped: dict[str, str] = {}
    for start in range(0, len(added), BATCH):
        read = [(name, _stamp(folder / name), _recipe(folder / name)) for name in added[start : start + BATCH]]
        with rows.together():
            skipped |= {name: stamp for name, stamp, recipe in read if not (recipe and rows.add(name, recipe))}
    return skipped


def _listed(folder: Path) -> list[str]:
    with suppress(OSError):  # the folder may vanish at any moment
        return os.listdir(folder)  # noqa: PTH208 - a fifth of iterdir's time for 100,000 names
    return []


def _png_names(listed: Iterable[str]) -> Iterator[str]:
    """Yield the names of PNG files that are text: no row can hold another name."""
    for name in listed:
        if name.endswith(".png") and (name.isascii() or name.encode(errors="replace") == os.fsencode(name)):
            yield name


def _recipe(path: Path) -> Recipe | None:
    """Read a picture's recipe if it could be ours: ids and times become file names."""
    recipe = png.read_png(path)
    return recipe if recipe and ID.fullmatch(recipe.id) and TIME.fullmatch(recipe.made) else None


def _stamp(path: Path) -> str:
    """Return a text that differs after a change: a folder's when a name in it comes or goes, a file's when written."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _changed_ns(path: Path) -> int:
    found = path.stat()
    return max(found.st_mtime_ns, found.st_ctime_ns)
