"""The demo models' world: its scenes, and the sentences that describe them.

Scenes and sentences are drawn from a seeded `random.Random`. Sentences are plain lower-case words, as the speech model
writes them and the picture model reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

SUBJECTS: dict[str, tuple[str, ...]] = {
    "sailboat": ("sailboat",),
    "house": ("house",),
    "tree": ("tree",),
    "balloon": ("balloon", "hot air balloon"),
    "lighthouse": ("lighthouse",),
    "castle": ("castle",),
    "rocket": ("rocket",),
    "car": ("car",),
    "bird": ("bird",),
    "cat": ("cat",),
    "fish": ("fish",),
    "flower": ("flower",),
}
PAINTED_SUBJECTS = tuple(SUBJECTS)[:8]  # the speech model also knows the others
COLOURS = ("red", "blue", "green", "yellow", "orange", "purple", "pink", "white", "black")
PLACES: dict[str, tuple[str, ...]] = {
    "sea": ("on the sea", "by the sea", "on the ocean", "on the water"),
    "hills": ("on green hills", "in the green hills", "on a green hill"),
    "desert": ("in the desert", "in a desert"),
    "snow": ("in the snow", "on the snow"),
    "mountains": ("in the mountains", "by the mountains"),
    "forest": ("in the forest", "in a forest", "in the woods"),
}
TIMES: dict[str, tuple[str, ...]] = {
    "sunrise": ("at sunrise", "at dawn", "in the morning"),
    "noon": ("at noon", "at midday", "in daylight"),
    "sunset": ("at sunset", "in the evening", "at dusk"),
    "night": ("at night", "under the stars", "by moonlight"),
}
WEATHERS: dict[str, tuple[str, ...]] = {
    "clear": ("under a clear sky", "with a clear sky"),
    "clouds": ("with clouds", "under clouds", "on a cloudy day"),
    "rain": ("in the rain", "with rain", "on a rainy day"),
    "snowfall": ("with falling snow", "in falling snow", "while it is snowing"),
}
SIZES: dict[str, tuple[str, ...]] = {"small": ("small", "little", "tiny"), "large": ("big", "large", "huge", "giant")}
SIDES: dict[str, tuple[str, ...]] = {"left": ("on the left",), "right": ("on the right",), "middle": ("in the middle",)}

OPENINGS = (
    "paint", "paint me", "please paint", "draw", "draw me", "please draw", "show me", "i want", "i would like",
    "a picture of", "paint a picture of", "imagine", "give me", "can you paint", "let me see",
)  # fmt: skip
PLAIN_SHARE = 0.4  # of the sentences begin with the subject, without an opening
REFINEMENT_SHARE = 0.12  # of the spoken sentences change the previous picture


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is drawn. `said` holds the names of the fields that the sentence mentions; the others are random."""

    subject: str
    colour: str
    place: str
    time: str
    weather: str
    size: str  # small, medium, large
    side: str
    said: frozenset[str] = frozenset({"subject", "colour", "place", "time"})


def is_held_out(scene: Scene) -> bool:
    """Return whether no training picture shows this subject, colour and place together (about one in eight)."""
    subject, colour = list(SUBJECTS).index(scene.subject), COLOURS.index(scene.colour)
    return (subject + 3 * colour + list(PLACES).index(scene.place)) % 8 == 0


def random_scene(random: Random, subjects: tuple[str, ...] = PAINTED_SUBJECTS) -> Scene:
    """Return a random scene, with a random choice of what a sentence mentions."""
    chances = {"subject": 1.0, "colour": 0.92, "place": 0.9, "time": 0.8, "weather": 0.4, "size": 0.2, "side": 0.2}
    return Scene(
        subject=random.choice(subjects),
        colour=random.choice(COLOURS),
        place=random.choice(list(PLACES)),
        time=random.choice(list(TIMES)),
        weather=random.choice(list(WEATHERS)),
        size=random.choice(("small", "medium", "large")),
        side=random.choice(list(SIDES)),
        said=frozenset(name for name, chance in chances.items() if random.random() < chance),
    )


def noun_phrase(scene: Scene, random: Random) -> str:
    """Return the subject with its size and colour: `a little orange cat`."""
    words = [random.choice(SIZES[scene.size])] if "size" in scene.said and scene.size in SIZES else []
    words += [scene.colour] if "colour" in scene.said else []
    words.append(random.choice(SUBJECTS[scene.subject]))
    article = "the" if random.random() < 0.08 else "an" if words[0][0] in "aeiou" else "a"
    return " ".join([article, *words])


def sentence(scene: Scene, random: Random) -> str:
    """Describe a scene the way a person might."""
    mentions = {"side": SIDES[scene.side], "place": PLACES[scene.place], "time": TIMES[scene.time]}
    mentions["weather"] = WEATHERS[scene.weather]
    phrases = [random.choice(ways) for name, ways in mentions.items() if name in scene.said]
    if random.random() < 0.25:
        random.shuffle(phrases)
    words = [noun_phrase(scene, random), *phrases]
    if random.random() >= PLAIN_SHARE:
        words.insert(0, random.choice(OPENINGS))
    if random.random() < 0.08:
        words.append("please")
    return " ".join(words)


def refinement(random: Random) -> str:
    """Return a sentence that changes the previous picture: `make it night`."""
    changes = (
        lambda: "make it " + random.choice(("night", "noon", "sunset", "sunrise", "evening", "morning")),
        lambda: "make it " + random.choice((*COLOURS, "bigger", "smaller", "rain", "snow", "cloudy")),
        lambda: "now " + random.choice([way for ways in (PLACES | TIMES | WEATHERS | SIDES).values() for way in ways]),
        lambda: "the same but " + random.choice((*COLOURS, *(way for ways in TIMES.values() for way in ways))),
        lambda: "now " + random.choice(("make it", "paint it")) + " " + random.choice(COLOURS),
        lambda: random.choice(("again", "undo", "once more", "another one", "go back")),
    )
    return random.choice(changes)()


def random_sentence(random: Random) -> str:
    """Return any sentence that the speech model knows: every subject, and refinements."""
    if random.random() < REFINEMENT_SHARE:
        return refinement(random)
    return sentence(random_scene(random, tuple(SUBJECTS)), random)


def words() -> list[str]:
    """Return every word that the speech model knows, sorted."""

    def phrases() -> Iterator[str]:
        yield from (*OPENINGS, *COLOURS, "a", "an", "the", "please", "night", "noon", "evening", "morning")
        for table in (SUBJECTS, PLACES, TIMES, WEATHERS, SIZES, SIDES):
            for ways in table.values():
                yield from ways
        yield from ("make it", "now", "the same but", "again", "undo", "once more", "another one", "go back")
        yield from ("sunset", "sunrise", "bigger", "smaller", "rain", "snow", "cloudy", "paint it")

    return sorted({word for phrase in phrases() for word in phrase.split()})
