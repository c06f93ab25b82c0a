"""Draw the training set, so that training needs no skia.

Writes `patches.npz` (the encoder), and shards `shard-NNN.npz` with the latents, subject boxes and descriptions of a
thousand scenes each. Existing files are kept, so drawing can be stopped and resumed, and split between processes:

    python -m training.demo.pictures.render SHARDS --count 32000 --part 0/2
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


def draw_pictures(scenes_by_number: Iterable[tuple[int, Scene]]) -> NDArray[np.uint8]:
    """Draw scenes into one array of bytes."""
    return np.stack([scenes.draw(scene, number).picture for number, scene in scenes_by_number])


def load_encoder(folder: Path, count: int) -> Patches:
    """Return the folder's encoder; if it is missing, fit it to scenes outside the training set."""
    path = folder / "patches.npz"
    if not path.exists():
        patches = fit(draw_pictures((number, captions.scene(number)) for number in range(10**6, 10**6 + count)))
        part = path.with_suffix(".part.npz")
        patches.save(part)
        part.rename(path)
    return Patches.load(path)


def draw_shard(folder: Path, index: int, size: int, patches: Patches) -> None:
    """Draw one shard."""
    latents, boxes, descriptions = [], [], []
    for number in range(index * size, (index + 1) * size):
        scene = captions.scene(number)
        drawing = scenes.draw(scene, number)
        latents.append(patches.encode(drawing.picture[None])[0].astype(np.float16))
        boxes.append(drawing.box)
        descriptions.append(asdict(scene) | {"said": sorted(scene.said)})
    part = folder / f"shard-{index:03}.part.npz"
    np.savez(
        part, latents=np.stack(latents), boxes=np.array(boxes, np.int16), scenes=np.array(json.dumps(descriptions))
    )
    part.rename(folder / f"shard-{index:03}.npz")


def draw_missing(folder: Path, count: int, *, fitted: int = 500, part: int = 0, parts: int = 1) -> None:
    """Draw the missing shards, beginning at `part` every `parts`-th."""
    folder.mkdir(parents=True, exist_ok=True)
    patches, size = load_encoder(folder, fitted), min(SHARD, count)
    for index in range(part, count // size, parts):
        if not (folder / f"shard-{index:03}.npz").exists():
            draw_shard(folder, index, size, patches)
            print(f"shard {index}", flush=True)


def main() -> None:
    """Draw from the command line, and print how much the encoder loses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=32_000)
    parser.add_argument("--part", default="0/1")
    arguments = parser.parse_args()
    part, parts = map(int, arguments.part.split("/"))
    draw_missing(arguments.folder, arguments.count, part=part, parts=parts)
    unseen = draw_pictures((number, captions.scene(number)) for number in range(2 * 10**6, 2 * 10**6 + 20))
    patches = load_encoder(arguments.folder, 500)
    print(f"linear reconstruction: {psnr(patches.decode(patches.encode(unseen)), unseen / 127.5 - 1):.1f} dB")


if __name__ == "__main__":
    main()
