#!/usr/bin/env python3
"""Time the gallery with many pictures: python bench/gallery.py [COUNT ...] (default 10,000 and 100,000).

The pictures are 8x8 and stand in a temporary folder. Times are medians in milliseconds, `rebuild` in seconds; "after a
change" is the first look after a picture was kept. To compare with another version, run it with that in PYTHONPATH.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np

from orchestrator import picture as png
from orchestrator.gallery import Gallery
from orchestrator.recipe import Recipe

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PIXELS = np.zeros((8, 8, 3), np.uint8)
RECIPE = Recipe(
    prompt="a red house on a hill", seed=1, steps=20, guidance=7.5, sampler="dpm++2m", spacing="leading", width=8,
    height=8, model="demo-picture", engine="onnx", compute_unit="cpu", transcript="a red house on a hill",
)  # fmt: skip
TIMES = 20
SPREAD = 0x9E3779B97F4A7C15  # odd, so that all ids differ


def fill(folder: Path, count: int) -> None:
    """Write pictures as `keep` does, without waiting for the disk."""
    folder.mkdir()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(count):
        id_ = "".join(ALPHABET[number * SPREAD >> shift & 31] for shift in range(45, -5, -5))
        made = start + timedelta(seconds=number)
        recipe = replace(
            RECIPE, id=id_, made=made.isoformat(timespec="microseconds"), prompt=f"{RECIPE.prompt} number {number}"
        )
        (folder / f"{made:%Y%m%d-%H%M%S-%f}-{id_}.png").write_bytes(png.to_png(PIXELS, recipe))
    os.sync()


def milliseconds(act: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Return the median time of an action."""
    took = []
    for _ in range(TIMES):
        before()
        begun = time.perf_counter()
        act()
        took.append(1000 * (time.perf_counter() - begun))
    return median(took)


def measure(count: int) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        gallery = Gallery(Path(temporary) / "gallery")
        fill(gallery.folder, count)
        begun = time.perf_counter()
        gallery.rebuild()
        rebuild = time.perf_counter() - begun
        (newest,) = gallery.list(1)
        kept = milliseconds(lambda: gallery.keep(PIXELS, RECIPE))
        changed = milliseconds(lambda: gallery.list(20), before=lambda: gallery.keep(PIXELS, RECIPE))
        time.sleep(4)
        gallery.list(1)
        figures = {
            "keep": kept,
            "list 20, after a change": changed,
            "list 20": milliseconds(lambda: gallery.list(20)),
            "search, 1 found": milliseconds(lambda: gallery.search("77", 20)),
            "search, all found": milliseconds(lambda: gallery.search("red house", 20)),
            "show by id": milliseconds(lambda: gallery.show(newest.id)),
            "show by 6 characters": milliseconds(lambda: gallery.show(newest.id[:6])),
        }
        print(f"{count} pictures: rebuild {rebuild:.1f} s")
        for name, figure in figures.items():
            print(f"  {name:<24} {figure:8.2f} ms", flush=True)


if __name__ == "__main__":
    for count in [int(each) for each in sys.argv[1:]] or [10_000, 100_000]:
        measure(count)
