"""Training batches of the picture model, from the shards that `render.py` draws.

Captions are made when a batch is, so that a scene keeps getting new ones.
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

EMPTY_SHARE = 0.1  # of the captions are empty, for classifier-free guidance
SUBJECT_WEIGHT = 5.0  # weight of the loss inside the subject's box


@dataclass(kw_only=True)
class Shards:
    """All scenes drawn so far, in memory."""

    folder: Path
    names: set[str] = field(default_factory=set)
    latents: list[NDArray[np.float16]] = field(default_factory=list)
    weights: list[NDArray[np.float32]] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=vocabulary)

    def load_new(self) -> None:
        """Load the shards that were not loaded before."""
        for path in sorted(self.folder.glob("shard-???.npz")):
            if path.name in self.names:
                continue
            with np.load(path) as arrays:
                self.latents.extend(arrays["latents"])
                self.weights.extend(loss_weights(box) for box in arrays["boxes"])
                self.scenes.extend(
                    Scene(**fields | {"said": frozenset(fields["said"])})
                    for fields in json.loads(str(arrays["scenes"]))
                )
            self.names.add(path.name)

    def batch(self, size: int, random: Random) -> tuple[Tensor, Tensor, Tensor]:
        """Return random latents, the weights of their loss, and the tokens of their captions."""
        chosen = [random.randrange(len(self.latents)) for _ in range(size)]
        latents = torch.from_numpy(np.stack([self.latents[i] for i in chosen])).float()
        weights = torch.from_numpy(np.stack([self.weights[i] for i in chosen]))
        texts = ["" if random.random() < EMPTY_SHARE else captions.caption(self.scenes[i], random) for i in chosen]
        return latents, weights[:, None], torch.tensor([encode(text, self.numbers) for text in texts])


def loss_weights(box: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return the weights of the loss (32, 32): SUBJECT_WEIGHT inside the subject's box, one elsewhere."""
    left, top, right, bottom = box // 16
    weights = np.ones((32, 32), np.float32)
    weights[top : bottom + 1, left : right + 1] = SUBJECT_WEIGHT
    return weights
