"""Paint from captions with what training left: a quick look, without converting anything.

Comes in: the working folder. Goes out: pictures as bytes (n, 512, 512, 3); by the trained decoder, or by the
encoder's transpose where there is none yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.demo.pictures import diffusion
from training.demo.pictures.decoder import decoder
from training.demo.pictures.export import painter
from training.demo.pictures.latents import Patches
from training.demo.pictures.tokenizer import encode, vocabulary


class Preview:
    """The model's running average and its decoder."""

    def __init__(self, work: Path, *, linear: bool = False) -> None:
        self.model, self.patches = painter(work), Patches.load(work / "shards" / "patches.npz")
        self.numbers, self.decoder = vocabulary(), None
        if (work / "decoder.pt").exists() and not linear:
            self.decoder = decoder().eval()
            self.decoder.load_state_dict(torch.load(work / "decoder.pt", weights_only=True)["model"])

    def paint(self, captions: Sequence[str], **request: Any) -> NDArray[np.uint8]:
        """Paint captions, a few at a time."""
        tokens = torch.tensor([encode(caption, self.numbers) for caption in captions])
        pieces = [self.develop(diffusion.paint(self.model, piece, **request)) for piece in tokens.split(16)]
        return np.concatenate(pieces)

    @torch.no_grad()
    def develop(self, latents: Tensor) -> NDArray[np.uint8]:
        """Decode latents into bytes."""
        if self.decoder is None:
            pixels = self.patches.decode(latents.numpy())
        else:
            pixels = np.concatenate([self.decoder(piece).numpy() for piece in latents.split(1)]).transpose(0, 2, 3, 1)
        return np.clip(np.rint((pixels + 1) * 127.5), 0, 255).astype(np.uint8)


def sheet(pictures: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Lay pictures side by side."""
    rows = [np.concatenate(list(pictures[i : i + columns]), axis=1) for i in range(0, len(pictures), columns)]
    return np.concatenate(rows)
