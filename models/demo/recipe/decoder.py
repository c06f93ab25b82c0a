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
from diffusers.models.autoencoders.vae import Decoder
from latents import CHANNELS, PATCH, Patches
from torch import Tensor
from torch.nn import functional
from train_pictures import save

SIZES, NOISE, CROP, CROPS = (16, 32, 48, 64, 96), 0.07, 128, 4
BORDERS = 0.5


def decoder() -> Decoder:
    """Return a fresh decoder: sixteen times up, 1.2 M parameters."""
    blocks = ("UpDecoderBlock2D",) * len(SIZES)
    return Decoder(CHANNELS, 3, blocks, SIZES, layers_per_block=1, norm_num_groups=16, mid_block_add_attention=False)


def corner(random: Random) -> int:
    """Choose where a crop begins, on the grid of patches, in one axis."""
    last = (scenes.SIDE - CROP) // PATCH
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
            bounds = (scenes.SIDE - CROP) // PATCH
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


def train(folder: Path, steps: int, rate: float, save_seconds: float) -> None:
    """Train, or go on training."""
    torch.set_num_threads(1)
    torch.manual_seed(2)
    patches, model, path, first = Patches.load(folder / "shards" / "patches.npz"), decoder(), folder / "decoder.pt", 0
    model = model.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.98), weight_decay=1e-4)
    if path.exists():
        state: dict[str, Any] = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
    saved = logged = time.monotonic()
    errors: list[float] = []
    for step in range(first, steps):
        torch.manual_seed(step)
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50, max(0.02, (steps - step) / (0.5 * steps)))
        optimiser.zero_grad()
        error = loss(model, *crops(3 * 10**6 + step, patches))
        error.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        errors.append(error.item())
        now, last = time.monotonic(), step + 1 == steps
        if (step + 1) % 50 == 0 or last:
            with (folder / "decoder.log").open("a") as log:
                pace = len(errors) * CROPS / (now - logged)
                log.write(
                    f"{time.strftime('%H:%M:%S')} step {step + 1} loss {np.mean(errors):.4f} {pace:.1f} crops/s\n"
                )
            logged, errors = now, []
        if now - saved > save_seconds or last:
            save(path, {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1})
            saved = now


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--save-seconds", type=float, default=120)
    arguments = parser.parse_args()
    train(arguments.folder, arguments.steps, arguments.rate, arguments.save_seconds)


if __name__ == "__main__":
    main()
