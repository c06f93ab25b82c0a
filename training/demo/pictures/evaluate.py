"""Ask for pictures, look at them, and print how often each answer was right.

Comes in: the working folder of training, or a converted model. Goes out: the table of the model card. Half of the
prompts ask for combinations of subject, colour and place that were in no training picture.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from orchestrator.paint import Request, open_painter
from training.demo import world
from training.demo.pictures import captions
from training.demo.pictures.judge import ANSWERS, Judge
from training.demo.pictures.preview import Preview
from training.demo.world import Scene

FIRST = 5 * 10**6  # number of the first scene asked for; none of them is drawn anywhere else
BATCH, GUIDANCE = 16, 3.0


def prompts(count: int) -> list[tuple[Scene, str]]:
    """Choose scenes, every second one held out, and say all that is judged."""
    chosen = []
    for number in range(count):
        scene, random = captions.scene(FIRST + number, held_out=number % 2 == 1), Random(number)
        told = captions.caption(scene, random)
        while not all(word in told for word in (scene.colour, *landmarks(scene, told))):
            told = captions.caption(scene, random)
        chosen.append((scene, told))
    return chosen


def landmarks(scene: Scene, told: str) -> list[str]:
    """Return the place's and the time's phrases that the caption uses, or a phrase to wait for."""
    tables = (world.PLACES[scene.place], world.TIMES[scene.time])
    return [next((way for way in ways if way in told), ways[0]) for ways in tables]


def trained(work: Path, asked: list[tuple[Scene, str]], guidance: float | None = None) -> Iterator[NDArray[np.uint8]]:
    """Paint with what training left."""
    easel = Preview(work)
    for start in range(0, len(asked), BATCH):
        yield from easel.paint(
            [told for _, told in asked[start : start + BATCH]], seed=start, guidance=guidance or GUIDANCE
        )


def converted(
    folder: Path, asked: list[tuple[Scene, str]], guidance: float | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Paint with the program's own engine."""
    painter = open_painter(folder, threads=1)
    painter.load()
    for number, (_, told) in enumerate(asked):
        *_, last = painter.paint(Request(prompt=told, seed=number, guidance=guidance))
        yield np.asarray(last.pixels)


def table(asked: list[tuple[Scene, str]], pictures: Iterator[NDArray[np.uint8]], judge: Judge) -> str:
    """Judge the pictures."""
    hits = {kind: dict.fromkeys((*ANSWERS, "all four"), 0) for kind in ("seen", "unseen")}
    for (scene, _), picture in zip(asked, pictures, strict=True):
        agrees = judge.look(picture[None])[0].agrees(scene)
        agrees["all four"] = all(agrees.values())
        for question, agreed in agrees.items():
            hits["unseen" if world.is_held_out(scene) else "seen"][question] += agreed
    counts = {kind: sum(world.is_held_out(scene) == (kind == "unseen") for scene, _ in asked) for kind in hits}
    lines = ["| combinations | prompts | " + " | ".join(hits["seen"]) + " |", "|---|---|" + "---|" * len(hits["seen"])]
    for kind, row in hits.items():
        shares = " | ".join(f"{right / max(counts[kind], 1):.1%}" for right in row.values())
        lines.append(f"| {kind} | {counts[kind]} | {shares} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the working folder, or a converted model's with its model.json")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--guidance", type=float, help="how strictly to follow the words")
    arguments = parser.parse_args()
    asked, begun = prompts(arguments.count), time.monotonic()
    paint = converted if (arguments.folder / "model.json").exists() else trained
    print(table(asked, paint(arguments.folder, asked, arguments.guidance), Judge()))
    print(f"\n{(time.monotonic() - begun) / arguments.count:.2f} s a picture")


if __name__ == "__main__":
    main()
