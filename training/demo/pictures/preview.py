"""Paint captions with the checkpoints of a training, without converting the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.demo.pictures import diffusion
from training.demo.pictures.decoder import decoder
from training.demo.pictures.export import load_painter
from training.demo.pictures.latents import Patches
from training.demo.pictures.tokenizer import encode, vocabulary


class Preview:
    """The running average of the weights, and the trained decoder, or the encoder's transpose if there is none."""

    def __init__(self, work: Path) -> None:
        self.model, self.patches = load_painter(work), Patches.load(work / "shards" / "patches.npz")
        self.numbers, self.decoder = vocabulary(), None
        if (work / "decoder.pt").exists():
            self.decoder = decoder().eval()
            self.decoder.load_state_dict(torch.load(work / "decoder.pt", weights_only=True)["model"])

    def paint(self, captions: Sequence[str], *, seed: int, guidance: float) -> NDArray[np.uint8]:
        """Return pictures (n, 512, 512, 3) of bytes."""
        tokens = torch.tensor([encode(caption, self.numbers) for caption in captions])
        pieces = [
            self.decode(diffusion.sample(self.model, piece, seed=seed, guidance=guidance)) for piece in tokens.split(16)
        ]
        return np.concatenate(pieces)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Decode latents into bytes."""
        if self.decoder is None:
            pixels = self.patches.decode(latents.numpy())
        else:
            pixels = np.concatenate([self.decoder(piece).numpy() for piece in latents.split(1)]).transpose(0, 2, 3, 1)
        return np.clip(np.rint((pixels + 1) * 127.5), 0, 255).astype(np.uint8)
