"""Numbered scenes to train on, and captions that mention everything unusual about them.

A number always gives the same scene. Usual is a subject of medium size, in the middle, under a clear or cloudy sky; a
caption may leave out only what is usual.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from training.demo import world
from training.demo.world import Scene

# The usual value, and how often a caption mentions it all the same.
USUAL = {"size": ("medium", 0.25), "side": ("middle", 0.1), "weather": ("clear", 0.4)}
MENTIONED = {"colour": 0.95, "place": 0.95, "time": 0.92}  # shares of the captions
CHOICES = {  # values and their weights
    "size": (("small", "medium", "large"), (1, 4, 1)),
    "side": (("left", "middle", "right"), (1, 6, 1)),
    "weather": (("clear", "clouds", "rain", "snowfall"), (5, 3, 1.5, 1.5)),
}


def scene(number: int, *, held_out: bool = False) -> Scene:
    """Return a scene of the training set, or of the held-out combinations."""
    random = Random(f"scene {number}")
    while True:
        drawn = world.random_scene(random)
        if world.is_held_out(drawn) == held_out:
            size, side, weather = (random.choices(*CHOICES[name])[0] for name in ("size", "side", "weather"))
            return replace(drawn, size=size, side=side, weather=weather)


def caption(drawn: Scene, random: Random) -> str:
    """Describe a scene, sometimes leaving out what is usual."""
    said = {name for name, share in MENTIONED.items() if random.random() < share}
    said |= {name for name, (usual, share) in USUAL.items() if getattr(drawn, name) != usual or random.random() < share}
    if drawn.weather == "clouds" and random.random() < 0.4:
        said.discard("weather")
    return world.sentence(replace(drawn, said=frozenset(said | {"subject"})), random)
