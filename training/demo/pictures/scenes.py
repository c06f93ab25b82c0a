"""Draw a scene of the demo world as a flat illustration of 512x512 pixels.

A seed decides what the scene leaves open (hills, clouds, the exact position of the sun); the same scene and seed give
the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import skia
from numpy.typing import NDArray

from training.demo.pictures import places, skies
from training.demo.pictures.brush import SIDE, pencil
from training.demo.pictures.subjects import FLYING, PARTS, Part
from training.demo.pictures.svg import parse
from training.demo.pictures.tones import COLOURS, TIMES, Colour, Tones, darker, lighter, luma, mix, paint, parse_colour
from training.demo.world import Scene

HEIGHT = {"small": 200, "medium": 245, "large": 290}  # pixels that a hundred units of a subject take
SHIFT = {"left": -SIDE // 5, "middle": 0, "right": SIDE // 5}


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A picture (512, 512, 3) of bytes, and the left, top, right and bottom of its subject in pixels."""

    picture: NDArray[np.uint8]
    box: tuple[int, int, int, int]


def draw(scene: Scene, seed: int) -> Drawing:
    """Draw a scene."""
    random, surface = Random(seed), skia.Surface(SIDE, SIDE)
    canvas, tones = surface.getCanvas(), TIMES[scene.time]
    stormy = scene.weather in ("rain", "snowfall")
    skies.sky(canvas, tones, random, stormy)
    if scene.weather != "clear":
        skies.clouds(canvas, tones, random, stormy)
    places.PLACES[scene.place](canvas, tones, random)
    box = draw_subject(canvas, scene, tones, random)
    places.foreground(canvas, scene.place, tones, random)
    if stormy:
        (skies.rain if scene.weather == "rain" else skies.snowfall)(canvas, random)
    pixels = np.asarray(surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType))
    return Drawing(picture=np.ascontiguousarray(pixels[..., :3]), box=box)


def draw_subject(canvas: skia.Canvas, scene: Scene, tones: Tones, random: Random) -> tuple[int, int, int, int]:
    """Draw the subject with its shadow or reflection, and return its bounding box."""
    scale = HEIGHT[scene.size] / 100 * random.uniform(0.96, 1.04)
    x = SIDE / 2 + SHIFT[scene.side] + random.uniform(-12, 12)
    foot = 415 + random.uniform(-8, 8)
    flying = scene.subject in FLYING
    y = 292 + 45 * scale + random.uniform(-10, 10) - 60 if flying else foot
    parts = PARTS[scene.subject]
    bounds = bounding_box(parts)
    if scale * bounds.width() > SIDE * 0.62:  # a large car would not fit
        scale = SIDE * 0.62 / bounds.width()
    x = min(max(x, 14 - bounds.left() * scale), SIDE - 14 - bounds.right() * scale)
    y = max(y, 16 - bounds.top() * scale)
    if scene.place == "sea" and not flying:
        draw_reflection(canvas, scene, tones, skia.Matrix().setScale(scale, -scale * 0.55).postTranslate(x, y - 4))
    elif not flying:
        places.shadow(canvas, x, y, bounds.width() * scale * 0.52)
    draw_shape(canvas, scene, tones, skia.Matrix().setScale(scale, scale).postTranslate(x, y))
    left, right = bounds.left() * scale + x, bounds.right() * scale + x
    top, bottom = bounds.top() * scale + y, bounds.bottom() * scale + y
    return int(left), max(int(top), 0), min(int(right) + 1, SIDE), min(int(bottom) + 1, SIDE)


def bounding_box(parts: tuple[Part, ...]) -> skia.Rect:
    """Return the smallest box around all parts."""
    bounds = skia.Rect.MakeEmpty()
    for part in parts:
        bounds.join(parse(part.path).computeTightBounds().makeOutset(part.line / 2, part.line / 2))
    return bounds


def draw_reflection(canvas: skia.Canvas, scene: Scene, tones: Tones, matrix: skia.Matrix) -> None:
    """Draw the subject upside down and faint."""
    canvas.saveLayerAlpha(skia.Rect.MakeWH(SIDE, SIDE), 70)
    draw_shape(canvas, scene, tones, matrix)
    canvas.restore()


def draw_shape(canvas: skia.Canvas, scene: Scene, tones: Tones, matrix: skia.Matrix) -> None:
    """Draw an outline around the whole subject, then its parts, lit from the side of the sun."""
    parts, own = PARTS[scene.subject], mix(COLOURS[scene.colour], tones.ambient_tint, tones.tint)
    bounds = bounding_box(parts)
    rim = lighter(tones.glow, 0.35) if luma(own) < 0.3 or tones.name == "night" else darker(own, 0.85)
    canvas.save()
    canvas.concat(matrix)
    for part in parts:
        canvas.drawPath(parse(part.path), pencil(paint(rim), part.line + 2.6))
    for part in parts:
        colour = role_colour(part.role, own, tones)
        pen = skia.Paint(AntiAlias=True)
        pen.setShader(shading(colour, bounds, tones, glows=part.role in ("window", "lamp")))
        if part.line:
            pen.setStyle(skia.Paint.kStroke_Style)
            pen.setStrokeWidth(part.line)
            pen.setStrokeCap(skia.Paint.kRound_Cap)
        canvas.drawPath(parse(part.path), pen)
    canvas.restore()


def role_colour(role: str, own: Colour, tones: Tones) -> Colour:
    """Return the colour of a role in the light of the time of day."""
    if role == "body":
        return own
    if role == "light":
        return lighter(own, 0.16 if luma(own) > 0.3 else 0.1)
    if role == "dark":
        return darker(own, 0.34)
    if role in ("window", "lamp"):
        return parse_colour(tones.window if role == "window" else tones.lamp)
    return mix(parse_colour(role), tones.ambient_tint, tones.tint)


def shading(colour: Colour, bounds: skia.Rect, tones: Tones, *, glows: bool) -> skia.Shader:
    """Return a gradient across the subject: lighter towards the sun, darker away from it."""
    ends = [colour, colour] if glows else [lighter(colour, 0.14), darker(colour, 0.24)]
    if tones.sun[0] > SIDE / 2:
        ends.reverse()
    points = [skia.Point(bounds.left(), bounds.top()), skia.Point(bounds.right(), bounds.top() / 3)]
    return skia.GradientShader.MakeLinear(points, [paint(end) for end in ends])
