"""The twelve subjects as flat shapes.

A subject's parts are drawn first to last, in a square of about a hundred units above y = 0. A part is SVG path data and
a role that `scenes.py` turns into a colour: `body` is the colour of the sentence, `light` and `dark` are shades of it,
`window` and `lamp` glow at night, anything else is a fixed colour.
"""

from __future__ import annotations

from dataclasses import dataclass

WOOD, TRUNK, CREAM, STONE, INK, GOLD = "#8a5a36", "#6f4a30", "#fbf3e2", "#c9c6cf", "#34333f", "#f6c64c"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One shape. `line` is the width of a stroke; zero means a filled shape."""

    path: str
    role: str
    line: float = 0.0


def fill(path: str, role: str) -> Part:
    """Make a filled part."""
    return Part(path=path, role=role)


def stroke(path: str, role: str, line: float) -> Part:
    """Make a part drawn as a line."""
    return Part(path=path, role=role, line=line)


def box(left: float, top: float, right: float, bottom: float) -> str:
    """Return the path data of a rectangle."""
    return f"M{left},{top}H{right}V{bottom}H{left}Z"


def oval(x: float, y: float, across: float, down: float) -> str:
    """Return the path data of an ellipse given its centre and half axes."""
    return f"M{x - across},{y}a{across},{down} 0 1 0 {2 * across},0a{across},{down} 0 1 0 {-2 * across},0Z"


def battlements(left: float, top: float, right: float, bottom: float, count: int) -> str:
    """Return the path data of a wall with battlements."""
    step = (right - left) / (2 * count - 1)
    walk = "".join(f"h{step:.2f}" + ("v5" if i % 2 == 0 else "v-5") * (i < 2 * count - 2) for i in range(2 * count - 1))
    return f"M{left},{bottom}V{top}{walk}V{bottom}Z"


SAILBOAT = (
    stroke("M0,-20V-104", WOOD, 3.2),
    fill("M5,-100C34,-82 48,-54 52,-26L5,-26Z", "body"),
    fill("M-5,-88C-26,-68 -38,-46 -42,-26L-5,-26Z", "light"),
    fill("M-2,-104L20,-98L-2,-92Z", "dark"),
    fill("M-56,-22H58C54,-8 46,0 34,0H-34C-46,0 -54,-8 -56,-22Z", "body"),
    fill("M-55,-17H57L56,-13H-54Z", CREAM),
)
HOUSE = (
    fill(box(22, -92, 36, -62), "dark"),
    fill(box(-44, -58, 44, 0), "body"),
    fill("M-56,-54L0,-100L56,-54Z", "dark"),
    fill(box(-10, -34, 10, 0), WOOD),
    fill(oval(6, -17, 1.8, 1.8), GOLD),
    *(fill(box(x - 11, -45, x + 11, -23), CREAM) for x in (-28, 28)),
    *(fill(box(x - 9, -43, x + 9, -25), "window") for x in (-28, 28)),
    *(stroke(f"M{x},-43V-25M{x - 9},-34H{x + 9}", CREAM, 2) for x in (-28, 28)),
    fill(oval(0, -70, 8, 8), CREAM),
    fill(oval(0, -70, 5.6, 5.6), "window"),
)
TREE = (
    fill("M-8,0C-5,-16 -6,-30 -6,-46H6C6,-30 5,-16 9,0Z", TRUNK),
    stroke("M0,-38L18,-56M0,-34L-16,-52", TRUNK, 5),
    fill(oval(-24, -56, 24, 21), "body"),
    fill(oval(25, -56, 24, 21), "body"),
    fill(oval(0, -72, 32, 32), "body"),
    fill(oval(-10, -82, 15, 12), "light"),
    fill(oval(-28, -60, 11, 8), "light"),
    fill("M-30,-42C-10,-34 16,-34 36,-44C46,-50 48,-56 48,-60C42,-48 10,-40 -30,-42Z", "dark"),
)
BALLOON = (
    stroke("M-22,-38L-9,-16M22,-38L9,-16M0,-36V-16", INK, 1.6),
    fill(
        "M0,-110C36,-110 48,-84 42,-66C36,-50 24,-42 20,-34H-20C-24,-42 -36,-50 -42,-66C-48,-84 -36,-110 0,-110Z",
        "body",
    ),
    fill(
        "M0,-110C-18,-104 -26,-84 -23,-66C-20,-50 -12,-42 -10,-34H10C12,-42 20,-50 23,-66C26,-84 18,-104 0,-110Z",
        "light",
    ),
    fill("M0,-110C-7,-104 -10,-84 -9,-66C-8,-50 -5,-42 -4,-34H4C5,-42 8,-50 9,-66C10,-84 7,-104 0,-110Z", "body"),
    fill("M-42,-66C-28,-58 28,-58 42,-66C41,-62 39,-58 37,-55C22,-49 -22,-49 -37,-55C-39,-58 -41,-62 -42,-66Z", "dark"),
    fill(box(-11, -16, 11, 0), WOOD),
    fill(box(-13, -18, 13, -13), TRUNK),
)
LIGHTHOUSE = (
    fill("M-26,0L-16,-78H16L26,0Z", CREAM),
    fill("M-26,0L-23.2,-22H23.2L26,0Z", "body"),
    fill("M-20.9,-40L-18.5,-60H18.5L20.9,-40Z", "body"),
    fill("M-16.8,-72L-16,-78H16L16.8,-72Z", "body"),
    fill("M-8,0V-12A8,8 0 0 1 8,-12V0Z", WOOD),
    fill(box(-22, -82, 22, -77), INK),
    fill(box(-12, -98, 12, -82), "lamp"),
    stroke("M-12,-98V-82M12,-98V-82M-4,-98V-82M4,-98V-82", INK, 1.6),
    fill("M-17,-98C-14,-108 -6,-113 0,-116C6,-113 14,-108 17,-98Z", "body"),
    fill(oval(0, -50, 4.5, 6), "window"),
)
CASTLE = (
    stroke("M-38,-96V-112M38,-96V-112M0,-82V-102", INK, 1.8),
    *(fill(f"M{x},{y}L{x + 15},{y + 5}L{x},{y + 10}Z", "body") for x, y in ((-38, -112), (38, -112), (0, -102))),
    fill(battlements(-16, -70, 16, -30, 3), "dark"),
    fill("M-18,-68L0,-86L18,-68Z", "body"),
    fill(battlements(-40, -46, 40, 0, 7), "body"),
    *(fill(battlements(x - 15, -72, x + 15, 0, 3), "light") for x in (-38, 38)),
    *(fill(f"M{x - 18},-70L{x},-100L{x + 18},-70Z", "body") for x in (-38, 38)),
    fill("M-12,0V-18A12,13 0 0 1 12,-18V0Z", WOOD),
    stroke("M-6,0V-27M0,0V-30M6,0V-27", INK, 1.4),
    *(fill(f"M{x - 4},-42V-52A4,5 0 0 1 {x + 4},-52V-42Z", "window") for x in (-38, 38)),
    *(fill(box(x - 4, -30, x + 4, -20), "window") for x in (-38, 38)),
)
ROCKET = (
    fill("M-10,-14C-12,0 -4,6 0,16C4,6 12,0 10,-14Z", "#ff9a3c"),
    fill("M-5,-14C-6,-4 -2,0 0,6C2,0 6,-4 5,-14Z", "#ffe28a"),
    fill("M-16,-50C-34,-38 -38,-22 -36,-4L-12,-22Z", "dark"),
    fill("M16,-50C34,-38 38,-22 36,-4L12,-22Z", "dark"),
    fill("M0,-112C22,-92 26,-52 14,-16H-14C-26,-52 -22,-92 0,-112Z", "body"),
    fill("M0,-112C9,-104 15,-94 18,-84H-18C-15,-94 -9,-104 0,-112Z", "dark"),
    fill(oval(0, -62, 11, 11), CREAM),
    fill(oval(0, -62, 7.6, 7.6), "window"),
    fill("M-17.5,-28H17.5L14,-16H-14Z", CREAM),
    fill("M-3,-44H3V-4H-3Z", "dark"),
)
CAR = (
    fill("M-40,-38C-32,-62 -24,-68 -8,-68H16C30,-68 38,-54 46,-38Z", "body"),
    fill("M-31,-38C-26,-54 -20,-60 -9,-60H-2V-38Z", "window"),
    fill("M5,-38V-60H15C24,-60 30,-50 35,-38Z", "window"),
    fill("M-66,-12V-26C-66,-36 -56,-40 -40,-41H44C60,-40 68,-34 68,-22V-12Z", "body"),
    fill("M-66,-18H68V-10H-66Z", "dark"),
    fill(oval(62, -28, 5, 5), GOLD),
    fill(box(-66, -32, -59, -25), "#e2503f"),
    stroke("M-6,-32H4", CREAM, 2.4),
    *(fill(oval(x, -11, 14, 14), INK) for x in (-38, 40)),
    *(fill(oval(x, -11, 6.5, 6.5), STONE) for x in (-38, 40)),
)
BIRD = (
    stroke("M-6,-14V0M8,-14V0M-6,0H0M8,0H14", "#e58a2c", 3),
    fill("M-26,-40L-66,-34L-60,-46L-70,-54L-28,-56Z", "dark"),
    fill("M-34,-46C-30,-16 26,-8 36,-46C42,-66 40,-74 34,-80C20,-92 2,-84 0,-68C-8,-58 -24,-58 -34,-46Z", "body"),
    fill("M-26,-44C-14,-58 8,-54 16,-38C2,-22 -18,-26 -26,-44Z", "light"),
    fill("M38,-74L58,-66L37,-60Z", GOLD),
    fill(oval(24, -71, 5, 5), CREAM),
    fill(oval(25, -71, 2.8, 2.8), INK),
)
CAT = (
    stroke("M26,-8C56,-4 58,-30 46,-42", "body", 9),
    fill("M-26,0C-34,-26 -20,-52 0,-52C20,-52 34,-26 28,0Z", "body"),
    fill("M-12,0C-16,-16 -8,-34 0,-34C8,-34 16,-16 12,0Z", "light"),
    fill("M-28,-64L-30,-98L-8,-84H8L30,-98L28,-64C28,-46 14,-42 0,-42C-14,-42 -28,-46 -28,-64Z", "body"),
    fill("M-24,-78L-25,-90L-15,-83ZM24,-78L25,-90L15,-83Z", "#f2a7a7"),
    *(fill(oval(x, -67, 5.4, 6), CREAM) for x in (-12, 12)),
    *(fill(oval(x, -67, 2.6, 5), INK) for x in (-12, 12)),
    fill("M-4,-58H4L0,-53Z", "#f08c8c"),
    stroke("M-30,-58L-14,-55M-30,-50L-14,-52M30,-58L14,-55M30,-50L14,-52", INK, 1.2),
)
FISH = (
    fill("M-36,-50L-70,-78C-62,-60 -62,-40 -70,-22Z", "dark"),
    fill("M-10,-78C4,-96 22,-92 26,-74Z", "dark"),
    fill("M-4,-24C2,-10 14,-10 18,-24Z", "dark"),
    fill("M-42,-50C-24,-84 34,-90 60,-50C34,-12 -24,-16 -42,-50Z", "body"),
    fill("M-36,-46C-20,-22 26,-18 50,-40C30,-6 -22,-12 -36,-46Z", "light"),
    *(stroke(f"M{x},-70C{x + 8},-58 {x + 8},-42 {x},-30", "light", 3) for x in (-14, 2)),
    fill(oval(38, -56, 7, 7), CREAM),
    fill(oval(40, -56, 4, 4), INK),
    stroke("M48,-40C44,-38 40,-38 37,-40", INK, 2),
)
FLOWER = (
    stroke("M0,0C4,-20 -2,-36 0,-56", "#4c9a4a", 5),
    fill("M0,-10C14,-34 34,-34 42,-28C32,-10 14,-6 0,-10Z", "#5bb257"),
    fill("M0,-18C-12,-38 -30,-38 -38,-32C-30,-16 -14,-12 0,-18Z", "#4fa54c"),
    *(fill(oval(x, y, 16, 16), "body") for x, y in ((0, -98), (22, -86), (22, -62), (0, -50), (-22, -62), (-22, -86))),
    *(fill(oval(x, y, 8, 8), "light") for x, y in ((0, -98), (22, -86), (22, -62), (0, -50), (-22, -62), (-22, -86))),
    fill(oval(0, -74, 15, 15), GOLD),
)
PARTS: dict[str, tuple[Part, ...]] = {
    "sailboat": SAILBOAT,
    "house": HOUSE,
    "tree": TREE,
    "balloon": BALLOON,
    "lighthouse": LIGHTHOUSE,
    "castle": CASTLE,
    "rocket": ROCKET,
    "car": CAR,
    "bird": BIRD,
    "cat": CAT,
    "fish": FISH,
    "flower": FLOWER,
}
FLYING = ("balloon", "rocket", "fish")
