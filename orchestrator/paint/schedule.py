"""When the model looks, and how much noise there is then: a description goes in, a painting's plan comes out.

Latents keep their variance: x = signal * picture + noise * gaussian, with signal^2 + noise^2 = 1. Where papers leave
timesteps open, diffusers' choice for each sampler is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import Misuse
from orchestrator.paint.description import Description

Array = NDArray[np.floating[Any]]
BY_SIGMA = ("dpm++2m", "euler", "euler-a")  # the others walk along the training's own table
WITH_KARRAS = ("dpm++2m", "euler")
KARRAS_RHO = 7.0
FAINTEST = 2.0**-24  # signal power that stands for none where a sampler divides by it
LCM_TRAINED_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class Level:
    """How much picture and how much noise there is at one moment of the training's clock."""

    timestep: float
    signal: float
    noise: float


@dataclass(frozen=True, kw_only=True)
class Hop:
    """One call of the model, which looks at one level; the latents go from start to end."""

    look: Level
    start: Level
    end: Level


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every hop of a painting, and how loud the noise is that it begins with."""

    sampler: str
    hops: tuple[Hop, ...]
    loudness: float = 1.0

    def begin(self, noise: Array, picture: Array | None) -> Array:
        """Make the first latents: noise alone, or a picture's latents under as much noise as the first hop expects."""
        if picture is None:
            return self.loudness * noise
        start = self.hops[0].start
        return start.signal * picture + start.noise * noise


CLEAN = Level(timestep=0.0, signal=1.0, noise=0.0)


def plan(description: Description, *, sampler: str, spacing: str, steps: int, strength: float = 1.0) -> Plan:
    """Lay out a painting; below full strength it begins later, from a picture noised that much."""
    if spacing == "karras" and sampler not in WITH_KARRAS:
        raise Misuse(f"{sampler} has no karras spacing", f"karras goes with: {', '.join(WITH_KARRAS)}")
    at = _table(description)
    if sampler in BY_SIGMA:
        levels = _sigma_levels(description, sampler, spacing, steps)
    else:
        levels = [at(timestep) for timestep in _timesteps(description, sampler, spacing, steps)]
    levels = levels[steps - min(int(steps * strength), steps) :]
    if not levels:
        raise Misuse(f"strength {strength:g} of {steps} steps leaves none to paint", "ask for more strength or steps")
    if sampler == "pndm" and levels[0].signal ** 2 <= FAINTEST:
        raise Misuse("pndm cannot begin at pure noise, as this model does", "choose dpm++2m, or leading spacing")
    if sampler in BY_SIGMA:
        hops = _chain([*levels, CLEAN])
    elif sampler == "lcm":
        hops = _chain([*levels, levels[-1]])
    else:
        hops = _strides(levels, at, description.train_steps // steps, again=sampler == "pndm")
    softer = sampler in ("euler", "euler-a") and spacing != "leading"
    return Plan(sampler=sampler, hops=hops, loudness=levels[0].noise if softer else 1.0)


def signal_powers(description: Description) -> Array:
    """Give the share of the signal in the variance (alpha-bar of DDPM, 2006.11239) at every timestep."""
    first, last, count = description.beta_start, description.beta_end, description.train_steps
    if description.beta_schedule == "scaled_linear":
        betas = np.linspace(first**0.5, last**0.5, count) ** 2
    else:
        betas = np.linspace(first, last, count)
    powers: Array = np.cumprod(1.0 - betas)
    if description.zero_terminal_snr:
        signal = np.sqrt(powers)  # 2305.08891, algorithm 1
        signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
        powers = signal**2
    return powers


def _table(description: Description) -> Callable[[float], Level]:
    """Look levels up in the training's table; before its beginning lies its first level (set_alpha_to_one is false)."""
    powers = signal_powers(description)

    def at(timestep: float) -> Level:
        power = float(powers[max(int(timestep), 0)])
        return Level(timestep=timestep, signal=power**0.5, noise=(1.0 - power) ** 0.5)

    return at


def _chain(levels: list[Level]) -> tuple[Hop, ...]:
    return tuple(Hop(look=here, start=here, end=there) for here, there in pairwise(levels))


def _strides(levels: list[Level], at: Callable[[float], Level], stride: int, again: bool) -> tuple[Hop, ...]:
    """Hop by equal strides, whatever the spacing; PNDM makes its first hop again with what it saw after it."""
    hops = [Hop(look=here, start=here, end=at(here.timestep - stride)) for here in levels]
    if again and len(hops) > 1:
        there = levels[1]
        hops[1] = Hop(look=there, start=at(there.timestep + stride), end=there)
    return tuple(hops)


def _sigma_levels(description: Description, sampler: str, spacing: str, steps: int) -> list[Level]:
    powers = np.maximum(signal_powers(description), FAINTEST)
    table = np.sqrt((1.0 - powers) / powers)
    clock = np.arange(len(table), dtype=np.float64)
    if spacing == "karras":
        sigmas = _karras(table[-1], table[0], steps)
        timesteps = np.interp(np.log(sigmas), np.log(table), clock)
        timesteps = np.round(timesteps) if sampler == "dpm++2m" else timesteps
    else:
        timesteps = _timesteps(description, sampler, spacing, steps)
        sigmas = np.interp(timesteps, clock, table)
    signals = 1.0 / np.sqrt(sigmas**2 + 1.0)
    rows = zip(timesteps.tolist(), signals.tolist(), (sigmas * signals).tolist(), strict=True)
    return [Level(timestep=timestep, signal=signal, noise=noise) for timestep, signal, noise in rows]


def _karras(loudest: float, faintest: float, steps: int) -> Array:
    """Spread noise as equation 5 of 2206.00364 does."""
    ramp = np.linspace(0.0, 1.0, steps)
    high, low = loudest ** (1.0 / KARRAS_RHO), faintest ** (1.0 / KARRAS_RHO)
    sigmas: Array = (high + ramp * (low - high)) ** KARRAS_RHO
    return sigmas


def _timesteps(description: Description, sampler: str, spacing: str, steps: int) -> Array:
    if sampler == "lcm":
        chosen = _lcm_timesteps(description.train_steps, steps)
    elif sampler == "dpm++2m" and spacing != "trailing":
        chosen = _spaced(description, spacing, steps + 1)[:-1]  # its last step ends at zero noise
    else:
        chosen = _spaced(description, spacing, steps)
    if sampler not in ("euler", "euler-a"):  # these two look between the training's timesteps
        chosen = np.round(chosen)
    if len(np.unique(chosen)) < steps or chosen.max() >= description.train_steps:
        raise Misuse(f"{steps} steps are too many for {sampler} with {spacing} spacing", "ask for fewer steps")
    return np.concatenate([chosen[:2], chosen[1:]]) if sampler == "pndm" else chosen


def _spaced(description: Description, spacing: str, count: int) -> Array:
    """Space timesteps as table 2 of 2305.08891 names it, from the loudest down."""
    total = description.train_steps
    chosen: Array
    if spacing == "leading":
        chosen = np.arange(count, dtype=np.float64)[::-1] * (total // count) + description.steps_offset
    elif spacing == "trailing":
        chosen = np.round(total - np.arange(count) * (total / count)) - 1.0
    else:
        chosen = np.linspace(0.0, total - 1.0, count)[::-1]
    return chosen


def _lcm_timesteps(total: int, steps: int) -> Array:
    """Pick from the steps that consistency distillation trained on, evenly by their index (2310.04378)."""
    trained = np.arange(LCM_TRAINED_STEPS, 0, -1, dtype=np.float64) * (total // LCM_TRAINED_STEPS) - 1.0
    picked: Array = trained[np.floor(np.linspace(0, len(trained), num=steps, endpoint=False)).astype(np.int64)]
    return picked
