"""Draw the sky, clouds, rain and snow on a canvas of 512x512."""

from __future__ import annotations

from random import Random

import skia

from training.demo.pictures.brush import HORIZON, SIDE, blob, land, pencil
from training.demo.pictures.tones import Tones, darker, mix, paint


def sky(canvas: skia.Canvas, tones: Tones, random: Random, stormy: bool) -> None:
    """Draw the sky with the sun, or with the moon and stars."""
    grey = land("#a9b1be", tones)
    colours = [paint(mix(colour, grey, 0.45 if stormy else 0.0)) for colour in tones.sky]
    pen = skia.Paint()
    ends = [skia.Point(0, 0), skia.Point(0, HORIZON + 20)]
    pen.setShader(skia.GradientShader.MakeLinear(ends, colours, [0.0, 0.55, 1.0]))
    canvas.drawPaint(pen)
    if tones.name == "night" and not stormy:
        stars(canvas, random)
    orb(canvas, tones, random, stormy)


def orb(canvas: skia.Canvas, tones: Tones, random: Random, stormy: bool) -> None:
    """Draw the sun or the moon with its glow."""
    x, y = tones.sun[0] + random.uniform(-16, 16), tones.sun[1] + random.uniform(-10, 10)
    glow, radius = [paint(tones.glow, 0.25 if stormy else 0.55), paint(tones.glow, 0)], tones.sun_radius * 4
    halo = skia.Paint(AntiAlias=True)
    halo.setShader(skia.GradientShader.MakeRadial(skia.Point(x, y), radius, glow))
    canvas.drawCircle(x, y, radius, halo)
    blob(canvas, (x, y), (tones.sun_radius, tones.sun_radius), paint(tones.disc, 0.5 if stormy else 1.0))
    if tones.name == "night":
        for dx, dy, size in ((-10, -8, 7), (9, 6, 9), (-6, 14, 5)):
            blob(canvas, (x + dx, y + dy), (size, size), paint(darker(tones.disc, 0.16), 0.7))


def stars(canvas: skia.Canvas, random: Random) -> None:
    """Draw stars."""
    for _ in range(44):
        size = random.choice((1.2, 1.5, 2.3))
        spot = random.uniform(0, SIDE), random.uniform(0, 280)
        blob(canvas, spot, (size, size), skia.Color(255, 250, 226, random.randint(150, 255)))


def clouds(canvas: skia.Canvas, tones: Tones, random: Random, stormy: bool) -> None:
    """Draw flat-bottomed clouds, or a grey cloud cover in stormy weather."""
    body = paint(mix(land("#7f8899" if stormy else "#ffffff", tones), tones.sky[1], 0.12), 0.94)
    spots = [(x, 14) for x in range(10, SIDE + 60, 96)] if stormy else [(84, 96), (268, 58), (440, 118)]
    for middle, height in spots:
        x, y = middle + random.uniform(-30, 30), height + random.uniform(-16, 16)
        size = random.uniform(0.85, 1.2) * (1.4 if stormy else 1.0)
        canvas.save()
        if not stormy:
            canvas.clipRect(skia.Rect.MakeLTRB(0, 0, SIDE, y + 14 * size), True)
        for dx, dy, radius in ((-44, 8, 20), (-18, -6, 29), (16, -12, 34), (46, 6, 22)):
            blob(canvas, (x + dx * size, y + dy * size), (radius * size, radius * size), body)
        canvas.restore()


def rain(canvas: skia.Canvas, random: Random) -> None:
    """Draw slanted rain."""
    pen = pencil(skia.Color(226, 238, 255, 150), 2.2)
    pen.setStrokeCap(skia.Paint.kButt_Cap)
    for _ in range(110):
        x, y, length = random.uniform(-20, SIDE), random.uniform(-30, SIDE), random.uniform(20, 34)
        canvas.drawLine(x, y, x - length * 0.28, y + length, pen)


def snowfall(canvas: skia.Canvas, random: Random) -> None:
    """Draw snowflakes."""
    for _ in range(95):
        size = random.uniform(2.2, 5.2)
        spot = random.uniform(0, SIDE), random.uniform(0, SIDE)
        blob(canvas, spot, (size, size), skia.Color(255, 255, 255, 225))
