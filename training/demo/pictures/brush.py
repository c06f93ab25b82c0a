"""Drawing helpers: lit landscape colours, and the shapes that skies and places are made of."""

from __future__ import annotations

from math import pi, sin
from random import Random

import skia

from training.demo.pictures.tones import Colour, Tones, mix, paint, parse_colour

SIDE = 512
HORIZON = 330


def land(text: str, tones: Tones, far: float = 0.0) -> Colour:
    """Return a landscape colour in the light of the time of day, blended with the sky by the share `far`."""
    red, green, blue = parse_colour(text)
    ambient = tones.ambient
    return mix((red * ambient[0], green * ambient[1], blue * ambient[2]), tones.sky[2], far)


def pencil(colour: int, width: float) -> skia.Paint:
    """Return a paint for lines with round ends."""
    pen = skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style, Color=colour, StrokeWidth=width)
    pen.setStrokeCap(skia.Paint.kRound_Cap)
    pen.setStrokeJoin(skia.Paint.kRound_Join)
    return pen


def fill(canvas: skia.Canvas, path: skia.Path, colour: Colour) -> None:
    """Fill a path with one colour."""
    canvas.drawPath(path, skia.Paint(Color=paint(colour), AntiAlias=True))


def wash(canvas: skia.Canvas, path: skia.Path, top: Colour, bottom: Colour, span: tuple[float, float]) -> None:
    """Fill a path with a gradient from top to bottom."""
    pen = skia.Paint(AntiAlias=True)
    ends = [skia.Point(0, span[0]), skia.Point(0, span[1])]
    pen.setShader(skia.GradientShader.MakeLinear(ends, [paint(top), paint(bottom)]))
    canvas.drawPath(path, pen)


def blob(
    canvas: skia.Canvas, middle: tuple[float, float], reach: tuple[float, float], colour: int, blur: float = 0.0
) -> None:
    """Fill an ellipse given its centre and its two half axes."""
    (x, y), (across, down) = middle, reach
    pen = skia.Paint(Color=colour, AntiAlias=True)
    if blur:
        pen.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
    canvas.drawOval(skia.Rect.MakeLTRB(x - across, y - down, x + across, y + down), pen)


def ridge(random: Random, base: float, swing: float, waves: float) -> skia.Path:
    """Return the area below a rolling line."""
    path, phase = skia.Path(), random.uniform(0, 2 * pi)
    path.moveTo(-4, SIDE + 4)
    for x in range(-4, SIDE + 5, 12):
        turn = x / SIDE * 2 * pi * waves + phase
        path.lineTo(x, base - swing * (0.7 * sin(turn) + 0.3 * sin(2.3 * turn + phase)))
    path.lineTo(SIDE + 4, SIDE + 4)
    path.close()
    return path


def polygon(*points: tuple[float, float]) -> skia.Path:
    """Return a closed shape."""
    return skia.Path.Polygon([skia.Point(*point) for point in points], True)
