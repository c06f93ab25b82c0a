"""Train the picture model: shards of latents, boxes and scenes -> `painter.pt`, a checkpoint that can be resumed.

Comes in: a folder of shards by `render.py` (new ones are taken in as they appear). Goes out: the model, its running
average and the optimiser. The schedule counts steps: a short warm-up, an even stretch, and a last fifth that falls to
zero. `--steps` may be raised or lowered when resuming; `train.pid` names the processes, so that `kill -STOP $(cat
train.pid)` gives the machine to others and `-CONT` takes it back.
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

from training import runs
from training.demo.pictures.diffusion import TIMESTEPS, Painter, sqrt_alphas_cumprod
from training.demo.pictures.shards import Shards
from training.muon import Muon

TIME_POWER, UNIFORM_SHARE = (
    0.45,
    0.25,
)  # times are 1000 u^TIME_POWER: latents so redundant stay readable until late; a quarter is even, for the grain
EVERY = 50  # steps between lines of the log


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How to train. `folder` holds `shards/`; checkpoint, log and process ids are written beside them."""

    folder: Path
    steps: int = 10_000
    batch: int = 24
    processes: int = 2
    rate: float = 1e-3
    seed: int = 1
    save_seconds: float = 180


def loss(model: torch.nn.Module, keep: Tensor, latents: Tensor, weights: Tensor, tokens: Tensor) -> Tensor:
    """Return the weighted error of the velocity at random times."""
    powers = torch.where(torch.rand(len(latents)) < UNIFORM_SHARE, 1.0, TIME_POWER)
    times = (TIMESTEPS * torch.rand(len(latents)) ** powers).long().clamp(max=TIMESTEPS - 1)
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
                if name in state:  # a thawed checkpoint has no optimiser
                    getattr(self, name).load_state_dict(state[name])
            self.step, self.seen = state["step"], state["seen"]

    def keep(self) -> None:
        """Write the checkpoint."""
        parts = {name: getattr(self, name).state_dict() for name in ("model", "average", "optimiser")}
        runs.save(self.folder / "painter.pt", parts | {"step": self.step, "seen": self.seen})


def begin(place: int, lesson: TrainingOptions, meeting: str) -> Run:
    """Join the other processes; all hold the same weights."""
    torch.set_num_threads(1)
    if lesson.processes > 1:
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=place, world_size=lesson.processes)
    torch.manual_seed(lesson.seed)
    model, average = Painter().to(memory_format=torch.channels_last), Painter()
    average.load_state_dict(model.state_dict())
    optimiser = Muon(model.named_parameters(), lesson.rate)
    run = Run(folder=lesson.folder, model=model, average=average, optimiser=optimiser)
    run.resume()
    return run


def learn(run: Run, place: int, lesson: TrainingOptions, batch: tuple[Tensor, Tensor, Tensor]) -> float:
    """Take one step, and return its loss."""
    torch.manual_seed(lesson.seed + run.step * lesson.processes + place)
    run.optimiser.zero_grad()
    error = loss(run.model, sqrt_alphas_cumprod(), *batch)
    error.backward()
    gather(run.model, lesson.processes)
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    for group in run.optimiser.param_groups:
        group["lr"] = rate(run.step, lesson.steps, lesson.rate)
    run.optimiser.step()
    follow(run.average, run.model, run.step)
    run.step += 1
    run.seen += lesson.batch * lesson.processes
    return error.item()


def train(place: int, lesson: TrainingOptions, meeting: str) -> None:
    """Train in one process of `lesson.processes`; the first one keeps the log and the checkpoint."""
    run, shards = begin(place, lesson, meeting), Shards(folder=lesson.folder / "shards")
    saved = logged = time.monotonic()
    losses: list[float] = []
    while run.step < lesson.steps:
        if run.step % 200 == 0 or not losses:
            shards.look()
        batch = shards.batch(lesson.batch, Random(f"{lesson.seed} {run.step} {place}"))
        losses.append(learn(run, place, lesson, batch))
        done = run.step == lesson.steps
        if place or (run.step % EVERY and not done):
            continue
        now = time.monotonic()
        pace = len(losses) * lesson.batch * lesson.processes / (now - logged)
        line = f"step {run.step} samples {run.seen} loss {np.mean(losses):.4f} {pace:.1f}/s"
        runs.log(lesson.folder / "train.log", f"{line} {len(shards.latents)} scenes")
        logged, losses = now, []
        if now - saved > lesson.save_seconds or done:
            run.keep()
            saved = now


def teach(lesson: TrainingOptions) -> None:
    """Train, or go on training, in processes of one thread each."""
    meeting = lesson.folder.resolve() / f"meeting-{os.getpid()}"
    processes = mp.get_context("spawn")
    workers = [processes.Process(target=train, args=(i, lesson, str(meeting))) for i in range(lesson.processes)]
    for worker in workers:
        worker.start()
    (lesson.folder / "train.pid").write_text(" ".join(str(worker.pid) for worker in workers) + "\n")
    for worker in workers:
        worker.join()
    (lesson.folder / "train.pid").unlink(missing_ok=True)
    meeting.unlink(missing_ok=True)
    if any(worker.exitcode for worker in workers):
        raise SystemExit(f"training ended early; see {lesson.folder / 'train.log'}, and start it again to go on")


def main() -> None:
    """Train, or go on training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=TrainingOptions.steps)
    parser.add_argument("--batch", type=int, default=TrainingOptions.batch, help="samples a process and step")
    parser.add_argument("--processes", type=int, default=TrainingOptions.processes)
    teach(TrainingOptions(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
