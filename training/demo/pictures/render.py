"""Draw the training set: numbers -> shards of latents, subject boxes and scenes, so that training needs no renderer.

Comes in: how many scenes, a working folder. Goes out: `patches.npz` (the encoder) and `shard-NNN.npz` of a thousand
scenes each. What is there already is kept, so drawing can be stopped and resumed, and done by several processes
(`--part 0/2`, `--part 1/2`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.demo.pictures import captions, scenes
from training.demo.pictures.latents import Patches, fit, psnr
from training.demo.world import Scene

SHARD = 1000


def pictures(drawn: Iterable[tuple[int, Scene]]) -> NDArray[np.uint8]:
    """Draw scenes into one array of bytes."""
    return np.stack([scenes.draw(scene, number).picture for number, scene in drawn])


def encoder(folder: Path, count: int) -> Patches:
    """Return the folder's encoder, made from scenes beyond the training set when it is not there yet."""
    path = folder / "patches.npz"
    if not path.exists():
        made = fit(pictures((number, captions.scene(number)) for number in range(10**6, 10**6 + count)))
        part = path.with_suffix(".part.npz")
        made.save(part)
        part.rename(path)
    return Patches.load(path)


def shard(folder: Path, index: int, size: int, patches: Patches) -> None:
    """Draw one shard."""
    latents, boxes, told = [], [], []
    for number in range(index * size, (index + 1) * size):
        scene = captions.scene(number)
        drawing = scenes.draw(scene, number)
        latents.append(patches.encode(drawing.picture[None])[0].astype(np.float16))
        boxes.append(drawing.box)
        told.append(asdict(scene) | {"said": sorted(scene.said)})
    part = folder / f"shard-{index:03}.part.npz"
    np.savez(part, latents=np.stack(latents), boxes=np.array(boxes, np.int16), scenes=np.array(json.dumps(told)))
    part.rename(folder / f"shard-{index:03}.npz")


def draw(folder: Path, count: int, *, fitted: int = 500, part: int = 0, parts: int = 1) -> None:
    """Draw the shards that are missing, every `parts`-th of them."""
    folder.mkdir(parents=True, exist_ok=True)
    patches, size = encoder(folder, fitted), min(SHARD, count)
    for index in range(part, count // size, parts):
        if not (folder / f"shard-{index:03}.npz").exists():
            shard(folder, index, size, patches)
            print(f"shard {index}", flush=True)


def main() -> None:
    """Draw what is missing, and say what the encoder loses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=32_000)
    parser.add_argument("--part", default="0/1")
    arguments = parser.parse_args()
    part, parts = map(int, arguments.part.split("/"))
    draw(arguments.folder, arguments.count, part=part, parts=parts)
    unseen, patches = (
        pictures((i, captions.scene(i)) for i in range(2 * 10**6, 2 * 10**6 + 20)),
        encoder(arguments.folder, 500),
    )
    print(f"linear round trip: {psnr(patches.decode(patches.encode(unseen)), unseen / 127.5 - 1):.1f} dB")


if __name__ == "__main__":
    main()
