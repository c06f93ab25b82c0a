"""Colours of the pictures: the named ones, and the palette of each time of day."""

from __future__ import annotations

from dataclasses import dataclass

import skia

Colour = tuple[float, float, float]


def parse_colour(text: str) -> Colour:
    """Parse `#rrggbb` into red, green and blue from 0 to 1."""
    return (int(text[1:3], 16) / 255, int(text[3:5], 16) / 255, int(text[5:7], 16) / 255)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours, `share` of the other."""
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def lighter(colour: Colour, share: float) -> Colour:
    """Blend towards white."""
    return mix(colour, (1.0, 1.0, 1.0), share)


def darker(colour: Colour, share: float) -> Colour:
    """Blend towards a deep violet of the same hue, which looks better than black."""
    red, green, blue = colour
    return mix(colour, (0.42 * red, 0.3 * green, 0.42 * blue + 0.07), share)


def luma(colour: Colour) -> float:
    """Return how light a colour looks, from 0 to 1."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def paint(colour: Colour, alpha: float = 1.0) -> int:
    """Return skia's colour."""
    red, green, blue = (round(255 * min(max(part, 0.0), 1.0)) for part in colour)
    return skia.Color(red, green, blue, round(255 * alpha))


COLOURS = {
    "red": parse_colour("#de3131"),
    "blue": parse_colour("#2a63dc"),
    "green": parse_colour("#2fae4b"),
    "yellow": parse_colour("#f9d331"),
    "orange": parse_colour("#f5851f"),
    "purple": parse_colour("#8638c4"),
    "pink": parse_colour("#fb82bd"),
    "white": parse_colour("#f7f7fa"),
    "black": parse_colour("#26262e"),
}


@dataclass(frozen=True, kw_only=True)
class Tones:
    """The palette of a time of day.

    `ambient` multiplies the colours of the landscape; a subject is blended with `ambient_tint` by the share `tint`.
    """

    name: str
    sky: tuple[Colour, Colour, Colour]
    ambient: Colour
    ambient_tint: Colour
    tint: float
    sun: tuple[int, int]
    sun_radius: int
    disc: Colour
    glow: Colour
    window: str = "#bfe3f5"
    lamp: str = "#fff3b8"


def sky(text: str) -> tuple[Colour, Colour, Colour]:
    """Parse the colours of a sky, from top to bottom."""
    top, middle, low = (parse_colour(part) for part in text.split())
    return top, middle, low


TIMES = {
    "sunrise": Tones(
        name="sunrise",
        sky=sky("#9cc4ea #f7cfd2 #ffe9b8"),
        ambient=(1.0, 0.93, 0.88),
        ambient_tint=parse_colour("#ffd9c0"),
        tint=0.08,
        sun=(92, 250),
        sun_radius=34,
        disc=parse_colour("#fff2c2"),
        glow=parse_colour("#ffdf9e"),
    ),
    "noon": Tones(
        name="noon",
        sky=sky("#2f86e4 #6cbcf2 #cfeefc"),
        ambient=(1.0, 1.0, 1.0),
        ambient_tint=parse_colour("#ffffff"),
        tint=0.0,
        sun=(420, 76),
        sun_radius=36,
        disc=parse_colour("#fff7d0"),
        glow=parse_colour("#fff3b0"),
    ),
    "sunset": Tones(
        name="sunset",
        sky=sky("#43307f #c8487c #ffa04d"),
        ambient=(0.88, 0.66, 0.62),
        ambient_tint=parse_colour("#c4506a"),
        tint=0.1,
        sun=(424, 248),
        sun_radius=44,
        disc=parse_colour("#ffd76a"),
        glow=parse_colour("#ffb04f"),
        window="#ffd98a",
    ),
    "night": Tones(
        name="night",
        sky=sky("#0a0f33 #141d57 #2f4189"),
        ambient=(0.3, 0.36, 0.6),
        ambient_tint=parse_colour("#1a2358"),
        tint=0.2,
        sun=(104, 92),
        sun_radius=34,
        disc=parse_colour("#f6f1d8"),
        glow=parse_colour("#b9c6ff"),
        window="#ffd768",
    ),
}
