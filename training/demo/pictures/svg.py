"""SVG path words (M L H V h v C A a Z) -> a skia path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import skia

ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "h": 1, "v": 1, "C": 6, "A": 7, "a": 7, "Z": 0}


def steps(words: str) -> Iterator[tuple[str, list[float]]]:
    """Split path words into verbs with their numbers; a verb repeats while numbers last."""
    for verb, tail in re.findall(r"([A-Za-z])([^A-Za-z]*)", words):
        numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", tail)]
        take = ARITY[verb]
        for start in range(0, max(len(numbers), 1), max(take, 1)):
            yield verb, numbers[start : start + take]


@cache
def parse(words: str) -> skia.Path:
    """Build the path that the words say."""
    path, large, sweep = skia.Path(), skia.Path.ArcSize.kLarge_ArcSize, skia.PathDirection.kCW
    for verb, n in steps(words):
        here = path.getPoint(path.countPoints() - 1)
        match verb:
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
                (path.arcTo if verb == "A" else path.rArcTo)(n[0], n[1], n[2], size, turn, n[5], n[6])
            case _:
                path.close()
    return path
