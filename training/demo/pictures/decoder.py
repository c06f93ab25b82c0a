"""Train the decoder from latents to pictures, diffusers' own `Decoder`.

It is trained on crops of newly drawn scenes; `decoder.pt` is a checkpoint to resume from. The latents get a little
noise, so that the decoder tolerates what the denoiser leaves. Half of the crops touch a border, to learn the padding.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.vae import Decoder
from torch import Tensor
from torch.nn import functional

from training import runs
from training.demo.pictures import captions, scenes
from training.demo.pictures.brush import SIDE
from training.demo.pictures.latents import CHANNELS, PATCH, Patches
from training.muon import Muon

SIZES, GROUPS, ANCHOR = (16, 32, 48, 64, 96), 2, 4.0
NOISE, CROP, BORDERS = 0.07, 256, 0.5
RATE, SAVE_SECONDS = 2e-3, 120


def decoder() -> Decoder:
    """Return an untrained decoder: 16 times the resolution, 1.2 M parameters.

    It starts as a linear map, with residual branches of zero. The last normalisation would remove the picture's
    brightness and colours, so two channels of each group start as constants that outweigh the others: it then divides
    by nearly the same number everywhere. After 130 crops this beats 16 randomly initialised groups after 6,000.
    """
    blocks = ("UpDecoderBlock2D",) * len(SIZES)
    model = Decoder(
        CHANNELS, 3, blocks, SIZES, layers_per_block=1, norm_num_groups=GROUPS, mid_block_add_attention=False
    )
    for name, parameter in model.named_parameters():
        if ".conv2." in name:
            torch.nn.init.zeros_(parameter)
    last = model.up_blocks[-1].resnets[-1].conv2.bias
    with torch.no_grad():
        for group in last.view(GROUPS, -1):
            group[0], group[1] = ANCHOR, -ANCHOR
    return model


def crop_start(random: Random) -> int:
    """Return where a random crop starts along one axis, on the grid of patches."""
    last = (SIDE - CROP) // PATCH
    return PATCH * (random.choice((0, last)) if random.random() < BORDERS else random.randint(0, last))


def random_crop(number: int, patches: Patches) -> tuple[Tensor, Tensor]:
    """Draw a scene, and return a crop of its latents and of its pixels in -1 ... 1."""
    random, scene = Random(f"crops {number}"), captions.scene(number)
    picture = scenes.draw(scene, number).picture[None]
    top, left = crop_start(random), crop_start(random)
    piece = picture[:, top : top + CROP, left : left + CROP]
    pixels = torch.from_numpy(piece.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)
    return torch.from_numpy(patches.encode(piece)), pixels


def loss(model: Decoder, latents: Tensor, pixels: Tensor) -> Tensor:
    """Return the error of the pixels, and of their differences to their neighbours (the edges)."""
    noisy = (latents + NOISE * torch.randn_like(latents)).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        decoded = model(noisy).float()
    edges = sum((decoded.diff(dim=axis) - pixels.diff(dim=axis)).abs().mean() for axis in (2, 3))
    return 8 * functional.mse_loss(decoded, pixels) + functional.l1_loss(decoded, pixels) + 0.5 * edges


def start(path: Path) -> tuple[Decoder, Muon, int]:
    """Return decoder, optimiser and step, from the checkpoint if there is one."""
    torch.manual_seed(2)
    model = decoder().to(memory_format=torch.channels_last)
    optimiser = Muon(model.named_parameters(), RATE)
    if not path.exists():
        return model, optimiser, 0
    state: dict[str, Any] = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    if "optimiser" in state:  # a small checkpoint has none
        optimiser.load_state_dict(state["optimiser"])
    return model, optimiser, state["step"]


def train_step(model: Decoder, optimiser: Muon, batch: tuple[Tensor, Tensor], rate: float) -> float:
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
    """Train, or resume training; the learning rate falls to a fiftieth over the second half of the steps."""
    torch.set_num_threads(1)
    patches, path = Patches.load(folder / "shards" / "patches.npz"), folder / "decoder.pt"
    model, optimiser, first = start(path)
    saved = logged = time.monotonic()
    errors: list[float] = []
    for step in range(first, steps):
        torch.manual_seed(step)
        rate = RATE * min(1.0, (step + 1) / 50, max(0.02, (steps - step) / (0.5 * steps)))
        errors.append(train_step(model, optimiser, random_crop(3 * 10**6 + step, patches), rate))
        now, last = time.monotonic(), step + 1 == steps
        if (step + 1) % 50 == 0 or last:
            speed = len(errors) / (now - logged)
            runs.log(folder / "decoder.log", f"step {step + 1} loss {np.mean(errors):.4f} {speed:.1f} crops/s")
            logged, errors = now, []
        if now - saved > SAVE_SECONDS or last:
            runs.save(path, {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1})
            saved = now


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=5000)
    arguments = parser.parse_args()
    train(arguments.folder, arguments.steps)


if __name__ == "__main__":
    main()
