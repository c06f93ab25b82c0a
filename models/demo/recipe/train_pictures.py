"""Train the picture model: shards of latents, boxes and scenes -> `painter.pt`, a checkpoint that can be resumed.

Comes in: a folder of shards by `render.py` (new ones are taken in as they appear). Goes out: the model, its running
average and the optimiser. The schedule counts steps: a short warm-up, an even stretch, and a last fifth that falls to
zero. `--steps` may be raised or lowered when resuming; `train.pid` names the processes, so that `kill -STOP $(cat
train.pid)` gives the machine to others and `-CONT` takes it back.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import painted
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from diffusion import TIMES, Painter, signals
from muon import Muon
from numpy.typing import NDArray
from torch import Tensor
from vocabulary import encode, vocabulary
from world import Scene

DROPPED = 0.1  # of the captions are empty, so that guidance has something to lead away from
FOCUS = 5.0  # weight of the loss inside the subject's box
BUSY = 0.45  # times are 1000 u^BUSY: latents so redundant stay readable until late
EVERY = 50  # steps between lines of the log


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
        texts = ["" if random.random() < DROPPED else painted.caption(self.scenes[i], random) for i in chosen]
        return latents, weights[:, None], torch.tensor([encode(text, self.numbers) for text in texts])


def focus(box: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return the loss's weights (32, 32): FOCUS wherever the subject's box reaches, one elsewhere."""
    left, top, right, bottom = box // 16
    weights = np.ones((32, 32), np.float32)
    weights[top : bottom + 1, left : right + 1] = FOCUS
    return weights


def loss(model: torch.nn.Module, keep: Tensor, latents: Tensor, weights: Tensor, tokens: Tensor) -> Tensor:
    """Return the weighted error of the velocity at random times."""
    times = (TIMES * torch.rand(len(latents)) ** BUSY).long().clamp(max=TIMES - 1)
    a = keep[times][:, None, None, None]
    s, noise = (1 - a * a).sqrt(), torch.randn_like(latents)
    noisy = (a * latents + s * noise).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        guess = model(noisy, times, tokens)
    return (weights * (guess.float() - (a * noise - s * latents)).square()).sum() / weights.sum() / latents.shape[1]


def rate(step: int, steps: int, peak: float) -> float:
    """Return the learning rate: 100 steps up, level, the last fifth down."""
    return peak * min(1.0, (step + 1) / 100, max(0.0, (steps - step) / (0.2 * steps)))


def follow(average: Painter, model: Painter, step: int) -> None:
    """Let the running average follow: over a tenth of the steps so far, at most a thousand."""
    share = max(0.001, 10 / (step + 11))
    for mine, theirs in zip(average.parameters(), model.parameters(), strict=True):
        mine.data.lerp_(theirs.data, share)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint under a temporary name, then rename it."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.rename(path)


def gather(model: Painter, processes: int) -> None:
    """Average the gradients of all processes, in one message."""
    if processes == 1:
        return
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= processes
    for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))


@dataclass(kw_only=True)
class Run:
    """One process's share of the training: what `painter.pt` holds, and where it stands."""

    folder: Path
    model: Painter
    average: Painter
    optimiser: Muon
    step: int = 0
    seen: int = 0

    def resume(self) -> None:
        """Take up the checkpoint, if there is one."""
        path = self.folder / "painter.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            for name in ("model", "average", "optimiser"):
                getattr(self, name).load_state_dict(state[name])
            self.step, self.seen = state["step"], state["seen"]

    def keep(self) -> None:
        """Write the checkpoint."""
        parts = {name: getattr(self, name).state_dict() for name in ("model", "average", "optimiser")}
        save(self.folder / "painter.pt", parts | {"step": self.step, "seen": self.seen})


def begin(place: int, arguments: argparse.Namespace, meeting: str) -> Run:
    """Join the other processes; all hold the same weights."""
    torch.set_num_threads(1)
    if arguments.processes > 1:
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=place, world_size=arguments.processes)
    torch.manual_seed(arguments.seed)
    model, average = Painter().to(memory_format=torch.channels_last), Painter()
    average.load_state_dict(model.state_dict())
    optimiser = Muon(model.named_parameters(), arguments.rate)
    run = Run(folder=arguments.folder, model=model, average=average, optimiser=optimiser)
    run.resume()
    return run


def learn(run: Run, place: int, arguments: argparse.Namespace, batch: tuple[Tensor, Tensor, Tensor]) -> float:
    """Take one step, and return its loss."""
    torch.manual_seed(arguments.seed + run.step * arguments.processes + place)
    run.optimiser.zero_grad()
    error = loss(run.model, signals(), *batch)
    error.backward()
    gather(run.model, arguments.processes)
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    for group in run.optimiser.param_groups:
        group["lr"] = rate(run.step, arguments.steps, arguments.rate)
    run.optimiser.step()
    follow(run.average, run.model, run.step)
    run.step += 1
    run.seen += arguments.batch * arguments.processes
    return error.item()


def train(place: int, arguments: argparse.Namespace, meeting: str) -> None:
    """Train in one process of `arguments.processes`; the first one keeps the log and the checkpoint."""
    run, shards = begin(place, arguments, meeting), Shards(folder=arguments.folder / "shards")
    saved = logged = time.monotonic()
    losses: list[float] = []
    while run.step < arguments.steps:
        if run.step % 200 == 0 or not losses:
            shards.look()
        batch = shards.batch(arguments.batch, Random(f"{arguments.seed} {run.step} {place}"))
        losses.append(learn(run, place, arguments, batch))
        done = run.step == arguments.steps
        if place or (run.step % EVERY and not done):
            continue
        now = time.monotonic()
        pace = len(losses) * arguments.batch * arguments.processes / (now - logged)
        line = f"step {run.step} samples {run.seen} loss {np.mean(losses):.4f} {pace:.1f}/s"
        report(arguments.folder, f"{line} {len(shards.latents)} scenes")
        logged, losses = now, []
        if now - saved > arguments.save_seconds or done:
            run.keep()
            saved = now


def report(folder: Path, line: str) -> None:
    """Add a line to the log."""
    with (folder / "train.log").open("a") as log:
        log.write(f"{time.strftime('%H:%M:%S')} {line}\n")


def main() -> None:
    """Train, or go on training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--batch", type=int, default=16, help="samples a process and step")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-seconds", type=int, default=180)
    arguments = parser.parse_args()
    meeting = arguments.folder.resolve() / f"meeting-{os.getpid()}"
    workers = [
        mp.get_context("spawn").Process(target=train, args=(place, arguments, str(meeting)))
        for place in range(arguments.processes)
    ]
    for worker in workers:
        worker.start()
    (arguments.folder / "train.pid").write_text(" ".join(str(worker.pid) for worker in workers) + "\n")
    for worker in workers:
        worker.join()
    meeting.unlink(missing_ok=True)
    raise SystemExit(max(abs(worker.exitcode or 0) for worker in workers))


if __name__ == "__main__":
    main()
