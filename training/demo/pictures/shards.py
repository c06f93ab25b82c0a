"""Shards drawn by `render.py` -> batches to learn from: latents, weights of their loss, tokens of a caption.

The captions are made for the occasion, so that a scene is never told the same way for long.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.demo.pictures import captions
from training.demo.pictures.tokenizer import encode, vocabulary
from training.demo.world import Scene

EMPTY_SHARE = 0.1  # of the captions are empty, so that guidance has something to lead away from
SUBJECT_WEIGHT = 5.0  # weight of the loss inside the subject's box


@dataclass(kw_only=True)
class Shards:
    """Everything drawn so far, in memory."""

    folder: Path
    names: set[str] = field(default_factory=set)
    latents: list[NDArray[np.float16]] = field(default_factory=list)
    weights: list[NDArray[np.float32]] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=vocabulary)

    def look(self) -> None:
        """Take in the shards that are new."""
        for path in sorted(self.folder.glob("shard-???.npz")):
            if path.name in self.names:
                continue
            with np.load(path) as arrays:
                self.latents.extend(arrays["latents"])
                self.weights.extend(focus(box) for box in arrays["boxes"])
                self.scenes.extend(
                    Scene(**told | {"said": frozenset(told["said"])}) for told in json.loads(str(arrays["scenes"]))
                )
            self.names.add(path.name)

    def batch(self, size: int, random: Random) -> tuple[Tensor, Tensor, Tensor]:
        """Choose latents, weights of their loss, and tokens of a caption made for the occasion."""
        chosen = [random.randrange(len(self.latents)) for _ in range(size)]
        latents = torch.from_numpy(np.stack([self.latents[i] for i in chosen])).float()
        weights = torch.from_numpy(np.stack([self.weights[i] for i in chosen]))
        texts = ["" if random.random() < EMPTY_SHARE else captions.caption(self.scenes[i], random) for i in chosen]
        return latents, weights[:, None], torch.tensor([encode(text, self.numbers) for text in texts])


def focus(box: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return the loss's weights (32, 32): SUBJECT_WEIGHT wherever the subject's box reaches, one elsewhere."""
    left, top, right, bottom = box // 16
    weights = np.ones((32, 32), np.float32)
    weights[top : bottom + 1, left : right + 1] = SUBJECT_WEIGHT
    return weights
