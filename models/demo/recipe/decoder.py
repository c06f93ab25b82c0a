"""Train the way back: latents -> pictures, with diffusers' own `Decoder`.

Comes in: the encoder `patches.npz`; scenes are drawn on the way. Goes out: `decoder.pt`, which can be resumed. The
latents are lightly noised, so that the decoder forgives what the denoiser leaves; a crop in two lies at a border,
where the padding is.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import painted
import scenes
import torch
from brush import SIDE
from diffusers.models.autoencoders.vae import Decoder
from latents import CHANNELS, PATCH, Patches
from torch import Tensor
from torch.nn import functional
from train_pictures import report, save

SIZES, NOISE, CROP, CROPS = (16, 32, 48, 64, 96), 0.07, 128, 4
BORDERS = 0.5
RATE, SAVE_SECONDS = 2e-3, 120


def decoder() -> Decoder:
    """Return a fresh decoder: sixteen times up, 1.2 M parameters."""
    blocks = ("UpDecoderBlock2D",) * len(SIZES)
    return Decoder(CHANNELS, 3, blocks, SIZES, layers_per_block=1, norm_num_groups=16, mid_block_add_attention=False)


def corner(random: Random) -> int:
    """Choose where a crop begins, on the grid of patches, in one axis."""
    last = (SIDE - CROP) // PATCH
    return PATCH * (random.choice((0, last)) if random.random() < BORDERS else random.randint(0, last))


def crops(number: int, patches: Patches) -> tuple[Tensor, Tensor]:
    """Draw a scene and return crops of its latents and of its pixels in -1 ... 1; half of them show the subject."""
    random, scene = Random(f"crops {number}"), painted.scene(number)
    drawing = scenes.draw(scene, number)
    latents = patches.encode(drawing.picture[None])[0]
    pixels = drawing.picture.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1
    pairs = []
    for place in range(CROPS):
        top, left = corner(random), corner(random)
        if place % 2:
            bounds = (SIDE - CROP) // PATCH
            left = PATCH * min(
                max(random.randint(drawing.box[0] - CROP // 2, drawing.box[2] - CROP // 2) // PATCH, 0), bounds
            )
            top = PATCH * min(
                max(random.randint(drawing.box[1] - CROP // 2, drawing.box[3] - CROP // 2) // PATCH, 0), bounds
            )
        rows, columns, size = top // PATCH, left // PATCH, CROP // PATCH
        pairs.append(
            (latents[:, rows : rows + size, columns : columns + size], pixels[:, top : top + CROP, left : left + CROP])
        )
    return torch.from_numpy(np.stack([pair[0] for pair in pairs])), torch.from_numpy(
        np.stack([pair[1] for pair in pairs])
    )


def loss(model: Decoder, latents: Tensor, pixels: Tensor) -> Tensor:
    """Return the error of the pixels and of their differences to the neighbours, which are the edges."""
    noisy = (latents + NOISE * torch.randn_like(latents)).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        guess = model(noisy).float()
    edges = sum((guess.diff(dim=axis) - pixels.diff(dim=axis)).abs().mean() for axis in (2, 3))
    return functional.mse_loss(guess, pixels) * 4 + functional.l1_loss(guess, pixels) + edges


def begin(path: Path) -> tuple[Decoder, torch.optim.AdamW, int]:
    """Return decoder, optimiser and step: those of the checkpoint, if there is one."""
    torch.manual_seed(2)
    model = decoder().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.98), weight_decay=1e-4)
    if not path.exists():
        return model, optimiser, 0
    state: dict[str, Any] = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    if "optimiser" in state:  # a thawed checkpoint has none
        optimiser.load_state_dict(state["optimiser"])
    return model, optimiser, state["step"]


def learn(model: Decoder, optimiser: torch.optim.AdamW, batch: tuple[Tensor, Tensor], rate: float) -> float:
    """Take one step, and return its loss."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    error = loss(model, *batch)
    error.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return error.item()


def train(folder: Path, steps: int) -> None:
    """Train, or go on training; the second half of the steps slows down to a fiftieth."""
    torch.set_num_threads(1)
    patches, path = Patches.load(folder / "shards" / "patches.npz"), folder / "decoder.pt"
    model, optimiser, first = begin(path)
    saved = logged = time.monotonic()
    errors: list[float] = []
    for step in range(first, steps):
        torch.manual_seed(step)
        rate = RATE * min(1.0, (step + 1) / 50, max(0.02, (steps - step) / (0.5 * steps)))
        errors.append(learn(model, optimiser, crops(3 * 10**6 + step, patches), rate))
        now, last = time.monotonic(), step + 1 == steps
        if (step + 1) % 50 == 0 or last:
            pace = len(errors) * CROPS / (now - logged)
            report(folder / "decoder.log", f"step {step + 1} loss {np.mean(errors):.4f} {pace:.1f} crops/s")
            logged, errors = now, []
        if now - saved > SAVE_SECONDS or last:
            save(path, {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1})
            saved = now


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=5000)
    arguments = parser.parse_args()
    train(arguments.folder, arguments.steps)


if __name__ == "__main__":
    main()
