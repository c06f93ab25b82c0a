"""Train the picture model on shards of latents; `painter.pt` is a checkpoint to resume from.

Shards by `render.py` are loaded as they appear. The learning rate warms up, stays constant, and falls to zero over the
last fifth of the steps; `--steps` may change when resuming. `train.pid` holds the process ids, so that
`kill -STOP $(cat train.pid)` pauses the training and `kill -CONT` continues it.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from training import runs
from training.demo.pictures.diffusion import TIMESTEPS, Painter, sqrt_alphas_cumprod
from training.demo.pictures.shards import Shards
from training.muon import Muon

# Timesteps are 1000 u^TIME_POWER, because latents this redundant stay readable until late; a share of them is uniform,
# for the finest detail.
TIME_POWER, UNIFORM_SHARE = 0.45, 0.25
LOG_EVERY, LOAD_EVERY = 50, 200  # steps


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How to train. `folder` holds `shards/`; the checkpoint, log and process ids are written beside them."""

    folder: Path
    steps: int = 10_000
    batch: int = 24
    processes: int = 2
    rate: float = 1e-3
    seed: int = 1
    save_seconds: float = 180


def loss(model: torch.nn.Module, scales: Tensor, latents: Tensor, weights: Tensor, tokens: Tensor) -> Tensor:
    """Return the weighted error of the velocity at random timesteps."""
    powers = torch.where(torch.rand(len(latents)) < UNIFORM_SHARE, 1.0, TIME_POWER)
    timesteps = (TIMESTEPS * torch.rand(len(latents)) ** powers).long().clamp(max=TIMESTEPS - 1)
    signal = scales[timesteps][:, None, None, None]
    sigma, noise = (1 - signal * signal).sqrt(), torch.randn_like(latents)
    noisy = (signal * latents + sigma * noise).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        predicted = model(noisy, timesteps, tokens)
    velocity = signal * noise - sigma * latents
    return (weights * (predicted.float() - velocity).square()).sum() / weights.sum() / latents.shape[1]


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Return the learning rate: 100 steps of warm-up, constant, linear to zero over the last fifth."""
    return peak * min(1.0, (step + 1) / 100, max(0.0, (steps - step) / (0.2 * steps)))


def update_average(average: Painter, model: Painter, step: int) -> None:
    """Update the running average of the weights: over a tenth of the steps so far, at most a thousand."""
    share = max(0.001, 10 / (step + 11))
    for averaged, current in zip(average.parameters(), model.parameters(), strict=True):
        averaged.data.lerp_(current.data, share)


def average_gradients(model: Painter, processes: int) -> None:
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
    """One process's copy of what `painter.pt` holds."""

    folder: Path
    model: Painter
    average: Painter
    optimiser: Muon
    step: int = 0
    seen: int = 0

    def load(self) -> None:
        """Load the checkpoint, if there is one."""
        path = self.folder / "painter.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            for name in ("model", "average", "optimiser"):
                if name in state:  # a small checkpoint has no optimiser
                    getattr(self, name).load_state_dict(state[name])
            self.step, self.seen = state["step"], state["seen"]

    def save(self) -> None:
        """Write the checkpoint."""
        parts = {name: getattr(self, name).state_dict() for name in ("model", "average", "optimiser")}
        runs.save(self.folder / "painter.pt", parts | {"step": self.step, "seen": self.seen})


def start(rank: int, options: TrainingOptions, rendezvous: str) -> Run:
    """Join the other processes, and return a run that starts with the same weights in all of them."""
    torch.set_num_threads(1)
    if options.processes > 1:
        dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=options.processes)
    torch.manual_seed(options.seed)
    model, average = convert_conv2d_weight_memory_format(Painter(), torch.channels_last), Painter()
    average.load_state_dict(model.state_dict())
    optimiser = Muon(model.named_parameters(), options.rate)
    run = Run(folder=options.folder, model=model, average=average, optimiser=optimiser)
    run.load()
    return run


def train_step(run: Run, rank: int, options: TrainingOptions, batch: tuple[Tensor, Tensor, Tensor]) -> float:
    """Take one step, and return its loss."""
    torch.manual_seed(options.seed + run.step * options.processes + rank)
    run.optimiser.zero_grad()
    error = loss(run.model, sqrt_alphas_cumprod(), *batch)
    error.backward()
    average_gradients(run.model, options.processes)
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    for group in run.optimiser.param_groups:
        group["lr"] = learning_rate(run.step, options.steps, options.rate)
    run.optimiser.step()
    update_average(run.average, run.model, run.step)
    run.step += 1
    run.seen += options.batch * options.processes
    return error.item()


def train_process(rank: int, options: TrainingOptions, rendezvous: str) -> None:
    """Train in one of the processes; the first one writes the log and the checkpoint."""
    run, shards = start(rank, options, rendezvous), Shards(folder=options.folder / "shards")
    saved = logged = time.monotonic()
    losses: list[float] = []
    while run.step < options.steps:
        if run.step % LOAD_EVERY == 0 or not losses:
            shards.load_new()
        batch = shards.batch(options.batch, Random(f"{options.seed} {run.step} {rank}"))
        losses.append(train_step(run, rank, options, batch))
        done = run.step == options.steps
        if rank or (run.step % LOG_EVERY and not done):
            continue
        now = time.monotonic()
        speed = len(losses) * options.batch * options.processes / (now - logged)
        line = f"step {run.step} samples {run.seen} loss {np.mean(losses):.4f} {speed:.1f}/s"
        runs.log(options.folder / "train.log", f"{line} {len(shards.latents)} scenes")
        logged, losses = now, []
        if now - saved > options.save_seconds or done:
            run.save()
            saved = now


def train(options: TrainingOptions) -> None:
    """Train, or resume training, in processes of one thread each."""
    rendezvous = options.folder.resolve() / f"meeting-{os.getpid()}"
    context = mp.get_context("spawn")
    workers = [
        context.Process(target=train_process, args=(rank, options, str(rendezvous)))
        for rank in range(options.processes)
    ]
    for worker in workers:
        worker.start()
    (options.folder / "train.pid").write_text(" ".join(str(worker.pid) for worker in workers) + "\n")
    for worker in workers:
        worker.join()
    (options.folder / "train.pid").unlink(missing_ok=True)
    rendezvous.unlink(missing_ok=True)
    if any(worker.exitcode for worker in workers):
        raise SystemExit(f"training failed; see {options.folder / 'train.log'}, and run it again to resume")


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=TrainingOptions.steps)
    parser.add_argument("--batch", type=int, default=TrainingOptions.batch, help="samples of a step and process")
    parser.add_argument("--processes", type=int, default=TrainingOptions.processes)
    train(TrainingOptions(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
