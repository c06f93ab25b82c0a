"""Draw the six places, back to front on a canvas of 512x512, and the foreground."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import skia

from training.demo.pictures.brush import SIDE, blob, fill, land, pencil, polygon, ridge, wash
from training.demo.pictures.tones import Colour, Tones, darker, lighter, mix, paint

FOREGROUND = {
    "hills": "#3f8c3c",
    "mountains": "#557a49",
    "forest": "#3c6b33",
    "desert": "#b97a3c",
    "snow": "#cfe0f2",
    "sea": "#a9e0f2",
}


def shadow(canvas: skia.Canvas, x: float, y: float, across: float) -> None:
    """Draw a soft shadow under a standing subject."""
    blob(canvas, (x, y), (across, 11), skia.Color(12, 14, 40, 90), 5)


def sea(canvas: skia.Canvas, tones: Tones, random: Random) -> None:
    """Draw water with the reflected sun, and waves."""
    path = skia.Path().addRect(skia.Rect.MakeLTRB(0, 300, SIDE, SIDE))
    wash(canvas, path, mix(land("#52b4d6", tones), tones.sky[2], 0.3), land("#145a94", tones), (300, SIDE))
    for row in range(9):
        x, y = tones.sun[0] + random.uniform(-14, 14), 308 + row * row * 2.6 + row * 3
        blob(canvas, (x, y), (16 + row * 7, 2 + row * 0.3), paint(tones.glow, 0.5))
    pen = pencil(paint(lighter(land("#7ec8e6", tones), 0.3), 0.5), 2.4)
    for row in range(8):
        y = 322 + row * 25
        for start in range(-40, SIDE, 92):
            x, length = start + random.uniform(0, 60), 18 + row * 2.5
            canvas.drawPath(skia.Path().moveTo(x, y).quadTo(x + length / 2, y - 5, x + length, y), pen)


def hills(canvas: skia.Canvas, tones: Tones, random: Random) -> None:
    """Draw three layers of green hills."""
    layers = (("#8cc98a", 0.45, 296, 26, 1.2), ("#74c069", 0.2, 336, 24, 1.0), ("#58ab50", 0.0, 376, 10, 0.7))
    for colour, far, base, swing, waves in layers:
        tone = land(colour, tones, far)
        wash(canvas, ridge(random, base, swing, waves), lighter(tone, 0.1), darker(tone, 0.18), (base - 30, SIDE))


def desert(canvas: skia.Canvas, tones: Tones, random: Random) -> None:
    """Draw mesas, dunes and two cactuses."""
    tone = land("#c97f55", tones, 0.3)
    for x in (random.uniform(20, 110), random.uniform(330, 440)):
        wide, top = random.uniform(70, 110), random.uniform(236, 262)
        mesa = polygon((x, 340), (x + 16, top), (x + wide - 16, top), (x + wide, 340))
        wash(canvas, mesa, lighter(tone, 0.1), tone, (top, 340))
    for colour, base, swing, waves in (("#efc583", 316, 12, 1.1), ("#e6b16a", 348, 18, 0.9), ("#d99a52", 392, 10, 0.8)):
        tone = land(colour, tones)
        wash(canvas, ridge(random, base, swing, waves), lighter(tone, 0.14), darker(tone, 0.12), (base - 20, SIDE))
    pen = pencil(paint(land("#4c8a52", tones)), 13)
    for x, y, tall in ((random.uniform(20, 46), 398, 84), (random.uniform(462, 492), 376, 62)):
        cactus = skia.Path().moveTo(x, y).lineTo(x, y - tall)
        cactus.moveTo(x, y - tall * 0.4).lineTo(x - 19, y - tall * 0.4).lineTo(x - 19, y - tall * 0.68)
        cactus.moveTo(x, y - tall * 0.3).lineTo(x + 18, y - tall * 0.3).lineTo(x + 18, y - tall * 0.55)
        canvas.drawPath(cactus, pen)


def snow(canvas: skia.Canvas, tones: Tones, random: Random) -> None:
    """Draw white slopes with a few firs."""
    layers = (("#cfdff0", 0.35, 300, 24, 1.0), ("#e2edf8", 0.1, 340, 16, 1.1), ("#f6fafe", 0.0, 380, 9, 0.8))
    for colour, far, base, swing, waves in layers:
        tone = land(colour, tones, far)
        wash(canvas, ridge(random, base, swing, waves), lighter(tone, 0.2), darker(tone, 0.12), (base - 30, SIDE + 60))
        if base < 360:
            leaf, cap = land("#4f7f78", tones, far * 0.6), land("#ffffff", tones, far * 0.4)
            for x in (random.uniform(10, 120), random.uniform(390, 500)):
                fir(canvas, (x, base + 22, 58 + (base - 300) * 0.7), leaf, cap)


def mountains(canvas: skia.Canvas, tones: Tones, random: Random) -> None:
    """Draw snow-capped peaks behind a meadow."""
    far_off, nearer = (340, 190, "#8794b8", 0.4, (60, 250, 440)), (356, 132, "#5f6d94", 0.12, (-10, 150, 350, 520))
    for base, tall, colour, far, middles in (far_off, nearer):
        for middle in middles:
            x, height = middle + random.uniform(-26, 26), tall * random.uniform(0.85, 1.12)
            away = 1 if tones.sun[0] < SIDE / 2 else -1
            peak(canvas, (x, base, height, away), land(colour, tones, far), land("#ffffff", tones, far * 0.5))
    for colour, base, swing in (("#7f9f6c", 344, 10), ("#6b8f5c", 384, 8)):
        tone = land(colour, tones)
        wash(canvas, ridge(random, base, swing, 0.9), lighter(tone, 0.1), darker(tone, 0.2), (base - 20, SIDE))


def peak(canvas: skia.Canvas, form: tuple[float, float, float, int], rock: Colour, ice: Colour) -> None:
    """Draw a mountain; `form` is x, base, height, and the side in the shade (-1 or 1)."""
    x, base, height, away = form
    top, wide, cap, drop = base - height, height * 0.86, height * 0.258, height * 0.3
    fill(canvas, polygon((x - wide, base), (x, top), (x + wide, base)), lighter(rock, 0.1))
    fill(canvas, polygon((x, top), (x + away * wide, base), (x + away * wide * 0.12, base)), darker(rock, 0.14))
    right = ((x, top), (x + cap, top + drop), (x + cap * 0.4, top + drop * 0.8))
    left = ((x, top + drop * 1.2), (x - cap * 0.45, top + drop * 0.78), (x - cap, top + drop))
    fill(canvas, polygon(*right, *left), ice)


def fir(canvas: skia.Canvas, form: tuple[float, float, float], leaf: Colour, cap: Colour | None = None) -> None:
    """Draw a fir of three tiers; `form` is x, y and height."""
    x, y, tall = form
    trunk = skia.Rect.MakeLTRB(x - tall * 0.04, y - tall * 0.2, x + tall * 0.04, y)
    canvas.drawRect(trunk, skia.Paint(Color=paint(darker(leaf, 0.4))))
    for tier, share in ((0.12, 0.3), (0.36, 0.24), (0.6, 0.17)):
        low, top, wide = y - tall * tier, y - tall * (tier + 0.4), tall * share
        fill(canvas, polygon((x - wide, low), (x, top), (x + wide, low)), lighter(leaf, tier * 0.2))
        if cap:
            edge = low - tall * 0.22
            fill(canvas, polygon((x - wide * 0.45, edge), (x, top), (x + wide * 0.45, edge)), cap)


def forest(canvas: skia.Canvas, tones: Tones, random: Random) -> None:
    """Draw rows of firs behind a clearing."""
    for base, tall, colour, far, gap in ((342, 150, "#6fae90", 0.45, 38), (360, 178, "#3f8f66", 0.18, 52)):
        leaf = land(colour, tones, far)
        for x in range(-10, SIDE + 20, gap):
            fir(canvas, (x + random.uniform(-9, 9), base, tall * random.uniform(0.8, 1.15)), leaf)
        wash(canvas, ridge(random, base - 26, 6, 1.0), darker(leaf, 0.12), darker(leaf, 0.3), (base - 30, 400))
    tone = land("#5f8f48", tones)
    wash(canvas, ridge(random, 382, 7, 0.8), lighter(tone, 0.1), darker(tone, 0.25), (370, SIDE))
    for edge in (random.uniform(-6, 26), random.uniform(486, 518)):
        fir(canvas, (edge, 442, 300 * random.uniform(0.92, 1.08)), land("#23633f", tones))


def foreground(canvas: skia.Canvas, place: str, tones: Tones, random: Random) -> None:
    """Draw tufts, pebbles or waves in front of the subject."""
    pen = pencil(paint(land(FOREGROUND[place], tones)), 3)
    for _ in range(14):
        x, y = random.uniform(0, SIDE), random.uniform(436, 500)
        mark = skia.Path().moveTo(x, y)
        if place in ("hills", "mountains", "forest"):
            mark.lineTo(x - 5, y - 11).moveTo(x, y).lineTo(x + 1, y - 14).moveTo(x, y).lineTo(x + 7, y - 10)
        else:
            mark.quadTo(x + 14, y - 5, x + 28, y)
        canvas.drawPath(mark, pen)


PLACES: dict[str, Callable[[skia.Canvas, Tones, Random], None]] = {
    "sea": sea,
    "hills": hills,
    "desert": desert,
    "snow": snow,
    "mountains": mountains,
    "forest": forest,
}
