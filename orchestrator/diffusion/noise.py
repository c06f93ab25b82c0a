"""Noise levels, and the schedules that choose them: by a table of betas, or by a range of sigmas.

Where papers leave timesteps open, diffusers' choice for each sampler is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import log
from typing import Protocol

import numpy as np

from orchestrator.choices import SPACINGS
from orchestrator.diffusion import Array
from orchestrator.errors import Misuse

BY_SIGMA = ("dpm++2m", "euler", "euler-a")  # the others step along the table that the model was trained with
WITH_KARRAS = ("dpm++2m", "euler")
KARRAS_RHO = 7.0
FAINTEST = 2.0**-24  # signal power that stands for none where a sampler divides by it
LCM_TRAINED_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class Level:
    """How much data and how much noise a sample holds, and the timestep that tells it to the network."""

    timestep: float
    signal: float
    noise: float

    @property
    def sigma(self) -> float:
        """Return the noise beside data of unit variance."""
        return self.noise / self.signal

    @property
    def log_snr(self) -> float:
        """Return half the logarithm of the signal-to-noise ratio, lambda of 2211.01095."""
        return log(self.signal / self.noise)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call of the network, at the level `evaluated`; it takes the sample from start to end."""

    evaluated: Level
    start: Level
    end: Level


CLEAN = Level(timestep=0.0, signal=1.0, noise=0.0)


class Schedule(Protocol):
    """The noise levels that a model was trained for."""

    def spacings(self, sampler: str) -> tuple[str, ...]:
        """Return the spacings that a sampler can be used with, the usual one first."""

    def levels(self, sampler: str, spacing: str, count: int) -> list[Level]:
        """Return the levels at which the network is called, the loudest first."""

    def steps(self, sampler: str, levels: list[Level], count: int) -> tuple[Step, ...]:
        """Return the steps from level to level, of which a whole run has `count`."""

    def init_noise_sigma(self, sampler: str, spacing: str, first: Level) -> float:
        """Return the standard deviation of the noise that sampling starts from."""


@dataclass(frozen=True, kw_only=True)
class Betas:
    """A schedule given by the noise that each training timestep adds, as in DDPM, 2006.11239."""

    start: float
    end: float
    scaled: bool = True  # linear in the root of beta, as Stable Diffusion; else linear
    zero_terminal_snr: bool = False
    train_steps: int = 1000
    steps_offset: int = 1  # added to every timestep of leading spacing

    def spacings(self, sampler: str) -> tuple[str, ...]:
        return tuple(each for each in SPACINGS if each != "karras" or sampler in WITH_KARRAS)

    def levels(self, sampler: str, spacing: str, count: int) -> list[Level]:
        if sampler in BY_SIGMA:
            return self._sigma_levels(sampler, spacing, count)
        return [self.at(timestep) for timestep in self._timesteps(sampler, spacing, count)]

    def steps(self, sampler: str, levels: list[Level], count: int) -> tuple[Step, ...]:
        if sampler in BY_SIGMA:
            return chain([*levels, CLEAN])
        if sampler == "lcm":
            return chain([*levels, levels[-1]])
        return self._strides(levels, self.train_steps // count, repeat_first=sampler == "pndm")

    def init_noise_sigma(self, sampler: str, spacing: str, first: Level) -> float:
        return first.noise if sampler in ("euler", "euler-a") and spacing != "leading" else 1.0

    @cached_property
    def signal_powers(self) -> Array:
        """Return the signal's share of the variance, alpha-bar of 2006.11239, at every timestep."""
        if self.scaled:
            betas = np.linspace(self.start**0.5, self.end**0.5, self.train_steps) ** 2
        else:
            betas = np.linspace(self.start, self.end, self.train_steps)
        powers: Array = np.cumprod(1.0 - betas)
        if self.zero_terminal_snr:
            signal = np.sqrt(powers)  # 2305.08891, algorithm 1
            signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
            powers = signal**2
        return powers

    def at(self, timestep: float) -> Level:
        """Return a timestep's level; before the first timestep it is the first level (set_alpha_to_one is false)."""
        power = float(self.signal_powers[max(int(timestep), 0)])
        return Level(timestep=timestep, signal=power**0.5, noise=(1.0 - power) ** 0.5)

    def _strides(self, levels: list[Level], stride: int, repeat_first: bool) -> tuple[Step, ...]:
        """Step by equal strides, whatever the spacing; PNDM's second step repeats its first with what that saw."""
        steps = [Step(evaluated=here, start=here, end=self.at(here.timestep - stride)) for here in levels]
        if repeat_first and len(steps) > 1:
            there = levels[1]
            steps[1] = Step(evaluated=there, start=self.at(there.timestep + stride), end=there)
        return tuple(steps)

    def _sigma_levels(self, sampler: str, spacing: str, count: int) -> list[Level]:
        powers = np.maximum(self.signal_powers, FAINTEST)
        table = np.sqrt((1.0 - powers) / powers)
        indices = np.arange(len(table), dtype=np.float64)
        if spacing == "karras":
            sigmas = karras(table[-1], table[0], count, KARRAS_RHO)
            timesteps = np.interp(np.log(sigmas), np.log(table), indices)
            timesteps = np.round(timesteps) if sampler == "dpm++2m" else timesteps
        else:
            timesteps = self._timesteps(sampler, spacing, count)
            sigmas = np.interp(timesteps, indices, table)
        return levels_of(sigmas, timesteps)

    def _timesteps(self, sampler: str, spacing: str, count: int) -> Array:
        if sampler == "lcm":
            chosen = self._lcm_timesteps(count)
        elif sampler == "dpm++2m" and spacing != "trailing":
            chosen = self._spaced(spacing, count + 1)[:-1]  # its last step ends at zero noise
        else:
            chosen = self._spaced(spacing, count)
        if sampler not in ("euler", "euler-a"):  # these two call the network between its training timesteps
            chosen = np.round(chosen)
        if len(np.unique(chosen)) < count or chosen.max() >= self.train_steps:
            raise Misuse(f"{count} steps are too many for {sampler} with {spacing} spacing", "ask for fewer steps")
        return np.concatenate([chosen[:2], chosen[1:]]) if sampler == "pndm" else chosen

    def _spaced(self, spacing: str, count: int) -> Array:
        """Space timesteps by the methods in table 2 of 2305.08891, the loudest first."""
        total = self.train_steps
        chosen: Array
        if spacing == "leading":
            chosen = np.arange(count, dtype=np.float64)[::-1] * (total // count) + self.steps_offset
        elif spacing == "trailing":
            chosen = np.round(total - np.arange(count) * (total / count)) - 1.0
        else:
            chosen = np.linspace(0.0, total - 1.0, count)[::-1]
        return chosen

    def _lcm_timesteps(self, count: int) -> Array:
        """Choose evenly from the timesteps that consistency distillation trained, 2310.04378."""
        stride = self.train_steps // LCM_TRAINED_STEPS
        trained = np.arange(LCM_TRAINED_STEPS, 0, -1, dtype=np.float64) * stride - 1.0
        picked: Array = trained[np.floor(np.linspace(0, len(trained), num=count, endpoint=False)).astype(np.int64)]
        return picked


@dataclass(frozen=True, kw_only=True)
class Sigmas:
    """A schedule given by a range of sigmas, as in EDM, 2206.00364; it needs no training timesteps."""

    smallest: float = 0.002
    largest: float = 80.0
    rho: float = 7.0
    sigma_data: float = 0.5  # the standard deviation of the data that sigma is measured beside

    def spacings(self, sampler: str) -> tuple[str, ...]:
        return ("karras",) if sampler in BY_SIGMA else ()

    def levels(self, sampler: str, spacing: str, count: int) -> list[Level]:  # noqa: ARG002 - one for all
        sigmas = karras(self.largest, self.smallest, count, self.rho)
        return levels_of(sigmas / self.sigma_data, np.log(sigmas) / 4.0)

    def steps(self, sampler: str, levels: list[Level], count: int) -> tuple[Step, ...]:  # noqa: ARG002 - one for all
        return chain([*levels, CLEAN])

    def init_noise_sigma(self, sampler: str, spacing: str, first: Level) -> float:  # noqa: ARG002 - one for all
        """Return the deviation of data and noise together, which EDM starts from, in the scale of its input."""
        largest: float = self.largest
        return float(((largest**2 + 1.0) / (largest**2 + self.sigma_data**2)) ** 0.5)


def karras(largest: float, smallest: float, count: int, rho: float) -> Array:
    """Return sigmas spaced by equation 5 of 2206.00364."""
    ramp = np.linspace(0.0, 1.0, count)
    high, low = largest ** (1.0 / rho), smallest ** (1.0 / rho)
    sigmas: Array = (high + ramp * (low - high)) ** rho
    return sigmas


def levels_of(sigmas: Array, timesteps: Array) -> list[Level]:
    """Return the level of each sigma, beside data of unit variance."""
    signals = 1.0 / np.sqrt(sigmas**2 + 1.0)
    rows = zip(timesteps.tolist(), signals.tolist(), (sigmas * signals).tolist(), strict=True)
    return [Level(timestep=timestep, signal=signal, noise=noise) for timestep, signal, noise in rows]


def chain(levels: list[Level]) -> tuple[Step, ...]:
    """Return the steps from each level to the next."""
    return tuple(Step(evaluated=here, start=here, end=there) for here, there in pairwise(levels))
