"""What the picture model learns from: scenes with captions that say all that differs from the ordinary.

Comes in: a number. Goes out: scene number so-and-so, always the same one, never a held-out one unless asked for. An
ordinary scene is of medium size, in the middle, under a clear or a cloudy sky: only then may a caption leave it out.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from training.demo import world
from training.demo.world import Scene

UNSAID = {
    "size": ("medium", 0.25),
    "side": ("middle", 0.1),
    "weather": ("clear", 0.4),
}  # the ordinary, and how often it is said all the same
SAID = {"colour": 0.95, "place": 0.95, "time": 0.92}
CHANCES = {
    "size": (("small", "medium", "large"), (1, 4, 1)),
    "side": (("left", "middle", "right"), (1, 6, 1)),
    "weather": (("clear", "clouds", "rain", "snowfall"), (5, 3, 1.5, 1.5)),
}


def scene(number: int, *, held_out: bool = False) -> Scene:
    """Return a scene of the training set, or of the held-out ones."""
    random = Random(f"scene {number}")
    while True:
        drawn = world.random_scene(random)
        if world.is_held_out(drawn) == held_out:
            size, side, weather = (random.choices(*CHANCES[name])[0] for name in ("size", "side", "weather"))
            return replace(drawn, size=size, side=side, weather=weather)


def caption(drawn: Scene, random: Random) -> str:
    """Say a scene, leaving out now and then what a listener would not miss."""
    said = {name for name, share in SAID.items() if random.random() < share}
    said |= {
        name for name, (usual, share) in UNSAID.items() if getattr(drawn, name) != usual or random.random() < share
    }
    if drawn.weather == "clouds" and random.random() < 0.4:
        said.discard("weather")
    return world.sentence(replace(drawn, said=frozenset(said | {"subject"})), random)
