"""Evaluate the picture model: paint prompts, let the judge classify the pictures, and print the share of right answers.

Takes the working folder of a training, or a converted model. Half of the prompts ask for combinations of subject,
colour and place that no training picture shows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from orchestrator.events import Painted
from orchestrator.paint import Wish, open_painter
from training.demo import world
from training.demo.pictures import captions
from training.demo.pictures.judge import ANSWERS, Judge
from training.demo.pictures.preview import Preview
from training.demo.world import Scene

FIRST = 5 * 10**6  # number of the first scene; these scenes are used nowhere else
BATCH, GUIDANCE = 16, 3.0


def prompts(count: int) -> list[tuple[Scene, str]]:
    """Return scenes, every second one held out, with captions that mention everything the judge classifies."""
    chosen = []
    for number in range(count):
        scene, random = captions.scene(FIRST + number, held_out=number % 2 == 1), Random(number)
        caption = captions.caption(scene, random)
        while not all(phrase in caption for phrase in (scene.colour, *place_and_time(scene, caption))):
            caption = captions.caption(scene, random)
        chosen.append((scene, caption))
    return chosen


def place_and_time(scene: Scene, caption: str) -> list[str]:
    """Return the phrases for place and time that the caption uses; any phrase for what it does not mention."""
    tables = (world.PLACES[scene.place], world.TIMES[scene.time])
    return [next((phrase for phrase in phrases if phrase in caption), phrases[0]) for phrases in tables]


def paint_with_checkpoint(
    work: Path, texts: Sequence[str], guidance: float | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Paint with the checkpoints of a training."""
    preview = Preview(work)
    for start in range(0, len(texts), BATCH):
        yield from preview.paint(texts[start : start + BATCH], seed=start, guidance=guidance or GUIDANCE)


def paint_with_program(
    folder: Path, texts: Sequence[str], guidance: float | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Paint with a converted model as the program does; the seed of a picture is its number."""
    painter = open_painter(folder, threads=1)
    painter.load()
    for number, text in enumerate(texts):
        *_, last = painter.paint(Wish(prompt=text, seed=number, guidance=guidance))
        if isinstance(last, Painted):
            yield np.asarray(last.pixels)


def table(scenes: Sequence[Scene], pictures: Iterable[NDArray[np.uint8]], judge: Judge) -> str:
    """Return the shares of right answers as a Markdown table."""
    hits = {kind: dict.fromkeys((*ANSWERS, "all four"), 0) for kind in ("seen", "unseen")}
    counts = dict.fromkeys(hits, 0)
    for scene, picture in zip(scenes, pictures, strict=True):
        kind = "unseen" if world.is_held_out(scene) else "seen"
        right = judge.classify(picture[None])[0].compare(scene)
        counts[kind] += 1
        for question, hit in (right | {"all four": all(right.values())}).items():
            hits[kind][question] += hit
    lines = ["| combinations | prompts | " + " | ".join(hits["seen"]) + " |", "|---|---|" + "---|" * len(hits["seen"])]
    for kind, row in hits.items():
        shares = " | ".join(f"{count / max(counts[kind], 1):.1%}" for count in row.values())
        lines.append(f"| {kind} | {counts[kind]} | {shares} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the working folder, or a converted model with its model.json")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--guidance", type=float, help="how closely to follow the prompt")
    arguments = parser.parse_args()
    scenes, texts = zip(*prompts(arguments.count), strict=True)
    started = time.monotonic()
    paint = paint_with_program if (arguments.folder / "model.json").exists() else paint_with_checkpoint
    print(table(scenes, paint(arguments.folder, texts, arguments.guidance), Judge()))
    print(f"\n{(time.monotonic() - started) / arguments.count:.2f} s a picture")


if __name__ == "__main__":
    main()
