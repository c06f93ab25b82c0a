"""Train the judge on drawn scenes only, never on generated pictures.

Writes `judge.onnx`, and prints its accuracy on new drawn scenes, half of them held-out combinations.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.demo.files import JUDGE
from training.demo.pictures import captions, scenes
from training.demo.pictures.judge import ANSWERS, SIDE, Judge
from training.demo.pictures.latents import PATCH, Patches
from training.demo.pictures.shards import Shards
from training.demo.world import Scene


class Classifier(nn.Module):
    """Five convolutions, and a linear head for each question."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (3, 24, 48, 64, 96, 96)
        strides = (2, 2, 1, 2, 1)
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(a, b, 3, stride, 1) for a, b, stride in zip(sizes, sizes[1:], strides, strict=False)]
        )
        self.heads = nn.ModuleList([nn.Linear(2 * sizes[-1], len(answers)) for answers in ANSWERS.values()])

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        x = 4 * picture - 2
        for convolution in self.convolutions:
            x = functional.relu(convolution(x))
        features = torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)
        return tuple(head(features) for head in self.heads)


def shrink_latents(latents: Tensor, patches: Patches) -> Tensor:
    """Decode latents to pictures (n, 3, 64, 64) from 0 to 1; shrinking is linear, so it is part of the decoding."""
    cells, step = SIDE // 32, PATCH * 32 // SIDE
    form = (-1, 3, cells, step, cells, step)
    basis = (patches.components / patches.scale[:, None]).reshape(form).mean((3, 5))
    mean = patches.mean.reshape(form).mean((3, 5))[0]
    x = torch.einsum("nkhw,kcab->nchawb", latents.float(), torch.from_numpy(basis))
    return ((x + torch.from_numpy(mean)[None, :, None, :, None, :]).flatten(4).flatten(2, 3) + 1) / 2


def labels(scenes: list[Scene]) -> list[Tensor]:
    """Return the numbers of the right answers, a tensor for each question."""
    return [
        torch.tensor([names.index(getattr(scene, question)) for scene in scenes]) for question, names in ANSWERS.items()
    ]


def train(folder: Path, epochs: int, size: int = 64) -> Classifier:
    """Train on all shards, with pictures shifted by a few pixels and slightly noised."""
    torch.manual_seed(3)
    shards, patches = Shards(folder=folder), Patches.load(folder / "patches.npz")
    shards.load_new()
    pictures = shrink_latents(torch.from_numpy(np.stack(shards.latents)), patches)
    targets, model = labels(shards.scenes), Classifier()
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.01)
    steps = epochs * len(pictures) // size
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps + 1)
    for _ in range(steps):
        chosen = torch.randint(len(pictures), (size,))
        shift = tuple(int(part) for part in torch.randint(-3, 4, (2,)))
        x = torch.roll(pictures[chosen], shift, (2, 3))
        predictions = model(x + 0.04 * torch.rand(1) * torch.randn_like(x))
        errors = [
            functional.cross_entropy(logits, rows[chosen]) for logits, rows in zip(predictions, targets, strict=True)
        ]
        optimiser.zero_grad()
        torch.stack(errors).sum().backward()
        optimiser.step()
        schedule.step()
    return model.eval()


def write(model: Classifier, path: Path) -> None:
    """Write the network as ONNX, with a free batch size."""
    part, example = path.with_suffix(".part"), torch.zeros(1, 3, SIDE, SIDE)
    axes = {name: {0: "n"} for name in ("picture", *ANSWERS)}
    torch.onnx.export(
        model, (example,), part, input_names=["picture"], output_names=list(ANSWERS), dynamic_axes=axes, dynamo=False
    )
    part.rename(path)


def accuracy(judge: Judge, count: int) -> dict[str, float]:
    """Return the share of right answers on newly drawn scenes, every second one a held-out combination."""
    right = dict.fromkeys(ANSWERS, 0)
    for number in range(count):
        scene = captions.scene(4 * 10**6 + number, held_out=number % 2 == 1)
        [verdict] = judge.classify(scenes.draw(scene, number).picture[None])
        for question, agrees in verdict.compare(scene).items():
            right[question] += agrees
    return {question: hits / count for question, hits in right.items()}


def main() -> None:
    """Train from the command line, and print the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=JUDGE)
    parser.add_argument("--passes", type=int, default=7)
    parser.add_argument("--count", type=int, default=400)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    write(train(arguments.folder, arguments.passes), arguments.output)
    for question, share in accuracy(Judge(arguments.output), arguments.count).items():
        print(f"{question}: {share:.1%} of {arguments.count} drawn scenes")


if __name__ == "__main__":
    main()
