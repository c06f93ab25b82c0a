"""Samplers: each takes a denoiser, a first sample and steps, and yields the sample after every step.

Among samples of unit variance an Euler step over sigma is a DDIM step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.diffusion import Array
from orchestrator.diffusion.noise import Step
from orchestrator.diffusion.prediction import Denoiser

Noise = Callable[[], Array]  # fresh gaussian noise of the sample's shape
ADAMS_BASHFORTH = {  # the oldest output first
    1: (1.0,),
    2: (-1 / 2, 3 / 2),
    3: (5 / 12, -16 / 12, 23 / 12),
    4: (-9 / 24, 37 / 24, -59 / 24, 55 / 24),
}
LCM_TIMESTEP_SCALE = 10.0
LCM_SIGMA_DATA = 0.5


@dataclass(frozen=True, kw_only=True)
class State:
    """The sample after a step, and the denoised sample that the step was made with."""

    sample: Array
    denoised: Array


Sampler = Callable[[Denoiser, Array, Sequence[Step], Noise], Iterator[State]]


def ddim(denoiser: Denoiser, sample: Array, steps: Sequence[Step], _noise: Noise) -> Iterator[State]:
    """Denoising diffusion implicit models, 2010.02502, equation 12 with no noise added."""
    for step in steps:
        denoised, noise = denoiser(sample, step.start)
        sample = step.end.signal * denoised + step.end.noise * noise
        yield State(sample=sample, denoised=denoised)


def euler(denoiser: Denoiser, sample: Array, steps: Sequence[Step], noise: Noise) -> Iterator[State]:
    """Euler's method over sigma, 2206.00364, algorithm 1 without its second-order correction."""
    yield from ddim(denoiser, sample, steps, noise)


def euler_ancestral(denoiser: Denoiser, sample: Array, steps: Sequence[Step], fresh: Noise) -> Iterator[State]:
    """Euler steps that go too far down and add noise up again: 2006.11239's ancestral sampling over sigma."""
    for step in steps:
        denoised, noise = denoiser(sample, step.start)
        here, there = step.start.sigma, step.end.sigma
        sigma_up = (there**2 * (here**2 - there**2) / here**2) ** 0.5
        sigma_down = (there**2 - sigma_up**2) ** 0.5
        sample = step.end.signal * (denoised + sigma_down * noise + sigma_up * fresh())
        yield State(sample=sample, denoised=denoised)


def dpm_solver(denoiser: Denoiser, sample: Array, steps: Sequence[Step], _noise: Noise) -> Iterator[State]:
    """DPM-Solver++(2M), 2211.01095, algorithm 2; the first and the last step are of first order."""
    before: Array | None = None
    h_before = 0.0
    for step in steps:
        start, end = step.start, step.end
        denoised, _ = denoiser(sample, start)
        target, h = denoised, 0.0
        if end.noise > 0:  # h is infinite in the last step
            h = end.log_snr - start.log_snr
            if before is not None:
                target = denoised + (0.5 * h / h_before) * (denoised - before)
        sample = (end.noise / start.noise) * sample + (end.signal - end.noise * start.signal / start.noise) * target
        before, h_before = denoised, h
        yield State(sample=sample, denoised=denoised)


def pndm(denoiser: Denoiser, sample: Array, steps: Sequence[Step], _noise: Noise) -> Iterator[State]:
    """Pseudo linear multistep, 2202.09778, equations 9 and 12; its second step repeats the first."""
    first, outputs = sample, list[Array]()
    for index, step in enumerate(steps):
        output = denoiser.output(sample, step.evaluated)
        if index == 1:
            sample, blend = first, _weighted_sum([outputs[0], output], (0.5, 0.5))
        else:
            outputs = [*outputs[-3:], output]
            blend = _weighted_sum(outputs, ADAMS_BASHFORTH[len(outputs)])
        denoised, noise = denoiser.prediction.split(blend, sample, step.start)
        sample = step.end.signal * denoised + step.end.noise * noise
        yield State(sample=sample, denoised=denoised)


def _weighted_sum(outputs: Sequence[Array], weights: Sequence[float]) -> Array:
    total: Array = weights[0] * outputs[0]
    for weight, output in zip(weights[1:], outputs[1:], strict=True):
        total = total + weight * output
    return total


def lcm(denoiser: Denoiser, sample: Array, steps: Sequence[Step], noise: Noise) -> Iterator[State]:
    """Latent consistency models, 2310.04378, algorithm 1: jump to the end, then add a little less noise."""
    for index, step in enumerate(steps):
        denoised, _ = denoiser(sample, step.start)
        scaled = step.start.timestep * LCM_TIMESTEP_SCALE
        spread = scaled**2 + LCM_SIGMA_DATA**2
        denoised = (scaled / spread**0.5) * denoised + (LCM_SIGMA_DATA**2 / spread) * sample
        last = index == len(steps) - 1
        sample = denoised if last else step.end.signal * denoised + step.end.noise * noise()
        yield State(sample=sample, denoised=denoised)


SAMPLERS: dict[str, Sampler] = {
    "dpm++2m": dpm_solver,
    "pndm": pndm,
    "euler": euler,
    "euler-a": euler_ancestral,
    "ddim": ddim,
    "lcm": lcm,
}
