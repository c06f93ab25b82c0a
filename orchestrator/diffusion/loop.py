"""The denoising loop: a plan of steps, noise for each row, and the sampler that walks from one to the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.diffusion import Array
from orchestrator.diffusion.noise import FAINTEST, Schedule, Step
from orchestrator.diffusion.prediction import Denoiser
from orchestrator.diffusion.samplers import SAMPLERS, Noise, State
from orchestrator.errors import Misuse


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every step of a run, and the standard deviation of the noise that it starts from."""

    sampler: str
    steps: tuple[Step, ...]
    init_noise_sigma: float = 1.0

    def first_sample(self, noise: Array, data: Array | None) -> Array:
        """Return noise alone, or data under as much noise as the first step expects."""
        if data is None:
            return self.init_noise_sigma * noise
        start = self.steps[0].start
        return start.signal * data + start.noise * noise


def plan(schedule: Schedule, *, sampler: str, spacing: str, steps: int, strength: float = 1.0) -> Plan:
    """Plan a run; below full strength it starts at a later step, from data with that step's noise."""
    spacings = schedule.spacings(sampler)
    if not spacings:
        fitting = ", ".join(name for name in SAMPLERS if schedule.spacings(name))
        raise Misuse(f"this model cannot be sampled with {sampler}", f"choose one of: {fitting}")
    if spacing not in spacings:
        raise Misuse(f"{sampler} has no {spacing} spacing here", f"--spacing {' or '.join(spacings)}")
    levels = schedule.levels(sampler, spacing, steps)
    levels = levels[steps - min(int(steps * strength), steps) :]
    if not levels:
        raise Misuse(f"strength {strength:g} of {steps} steps leaves none to paint", "ask for more strength or steps")
    if sampler == "pndm" and levels[0].signal ** 2 <= FAINTEST:
        raise Misuse("pndm cannot begin at pure noise, as this model does", "choose dpm++2m, or leading spacing")
    return Plan(
        sampler=sampler,
        steps=schedule.steps(sampler, levels, steps),
        init_noise_sigma=schedule.init_noise_sigma(sampler, spacing, levels[0]),
    )


class SeededNoise:
    """Gaussian noise, each row from a seed of its own: a row does not depend on the others."""

    def __init__(self, seeds: Sequence[int], shape: Sequence[int]) -> None:
        self._rows, self._shape = [np.random.RandomState(seed) for seed in seeds], shape

    def __call__(self) -> Array:
        """Draw the next noise of every row."""
        return np.stack([row.randn(*self._shape).astype(np.float32) for row in self._rows])


def denoise(laid: Plan, denoiser: Denoiser, noise: Noise, data: Array | None = None) -> Iterator[State]:
    """Yield the state of all rows after every step, from noise alone or from data with noise added."""
    yield from SAMPLERS[laid.sampler](denoiser, laid.first_sample(noise(), data), laid.steps, noise)
