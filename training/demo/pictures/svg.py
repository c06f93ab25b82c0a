"""SVG path data (the commands M L H V h v C A a Z) as skia paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import skia

ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "h": 1, "v": 1, "C": 6, "A": 7, "a": 7, "Z": 0}


def commands(data: str) -> Iterator[tuple[str, list[float]]]:
    """Yield the commands of path data with their numbers; a command repeats as long as numbers follow."""
    for command, tail in re.findall(r"([A-Za-z])([^A-Za-z]*)", data):
        numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", tail)]
        count = ARITY[command]
        for start in range(0, max(len(numbers), 1), max(count, 1)):
            yield command, numbers[start : start + count]


@cache
def parse(data: str) -> skia.Path:
    """Return the path of SVG path data."""
    path, large, sweep = skia.Path(), skia.Path.ArcSize.kLarge_ArcSize, skia.PathDirection.kCW
    for command, n in commands(data):
        here = path.getPoint(path.countPoints() - 1)
        match command:
            case "M":
                path.moveTo(*n)
            case "L":
                path.lineTo(*n)
            case "H":
                path.lineTo(n[0], here.y())
            case "V":
                path.lineTo(here.x(), n[0])
            case "h":
                path.rLineTo(n[0], 0)
            case "v":
                path.rLineTo(0, n[0])
            case "C":
                path.cubicTo(*n)
            case "A" | "a":
                size = large if n[3] else skia.Path.ArcSize.kSmall_ArcSize
                turn = sweep if n[4] else skia.PathDirection.kCCW
                (path.arcTo if command == "A" else path.rArcTo)(n[0], n[1], n[2], size, turn, n[5], n[6])
            case _:
                path.close()
    return path
