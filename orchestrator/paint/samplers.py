"""From noise to latents, a hop at a time: a model's eye, latents, hops and chance go in, moments come out.

All latents keep their variance (see `schedule`); among such, an Euler step over sigma is a DDIM step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log

from orchestrator.paint.schedule import Array, Hop, Level

Chance = Callable[[], Array]  # fresh gaussian noise of the latents' shape
ADAMS_BASHFORTH = {  # the oldest output first
    1: (1.0,),
    2: (-1 / 2, 3 / 2),
    3: (5 / 12, -16 / 12, 23 / 12),
    4: (-9 / 24, 37 / 24, -59 / 24, 55 / 24),
}
LCM_TIMESTEP_SCALE = 10.0
LCM_SIGMA_DATA = 0.5


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Latents after a hop, and the clean latents that the model saw in them."""

    latents: Array
    clean: Array


@dataclass(frozen=True, kw_only=True)
class Eye:
    """The model as samplers see it: what it says at a level, and what that means."""

    look: Callable[[Array, Level], Array]
    prediction: str

    def clean_and_noise(self, output: Array, latents: Array, level: Level) -> tuple[Array, Array]:
        """Split latents by what the model said: noise itself, or velocity (2202.00512)."""
        if self.prediction == "v":
            return level.signal * latents - level.noise * output, level.signal * output + level.noise * latents
        return (latents - level.noise * output) / level.signal, output

    def split(self, latents: Array, level: Level) -> tuple[Array, Array]:
        """Look, and split."""
        return self.clean_and_noise(self.look(latents, level), latents, level)


Sampler = Callable[[Eye, Array, Sequence[Hop], Chance], Iterator[Moment]]


def ddim(eye: Eye, latents: Array, hops: Sequence[Hop], _chance: Chance) -> Iterator[Moment]:
    """Denoising diffusion implicit models, 2010.02502, equation 12 with no noise added."""
    for hop in hops:
        clean, noise = eye.split(latents, hop.start)
        latents = hop.end.signal * clean + hop.end.noise * noise
        yield Moment(latents=latents, clean=clean)


def euler(eye: Eye, latents: Array, hops: Sequence[Hop], chance: Chance) -> Iterator[Moment]:
    """Euler's method over sigma, 2206.00364, algorithm 1 without its second-order correction."""
    yield from ddim(eye, latents, hops, chance)


def euler_ancestral(eye: Eye, latents: Array, hops: Sequence[Hop], chance: Chance) -> Iterator[Moment]:
    """Euler steps that go too far down and add noise up again, the ancestral sampling of 2006.11239 over sigma."""
    for hop in hops:
        clean, noise = eye.split(latents, hop.start)
        here, there = hop.start.noise / hop.start.signal, hop.end.noise / hop.end.signal
        up = (there**2 * (here**2 - there**2) / here**2) ** 0.5
        down = (there**2 - up**2) ** 0.5
        latents = hop.end.signal * (clean + down * noise + up * chance())
        yield Moment(latents=latents, clean=clean)


def dpm_solver(eye: Eye, latents: Array, hops: Sequence[Hop], _chance: Chance) -> Iterator[Moment]:
    """DPM-Solver++(2M), 2211.01095, algorithm 2; the first and the last hop are of first order."""
    before: Array | None = None
    reach_before = 0.0
    for hop in hops:
        start, end = hop.start, hop.end
        clean, _ = eye.split(latents, start)
        aim, reach = clean, 0.0
        if end.noise > 0:  # the last hop reaches infinitely far
            reach = log(end.signal / end.noise) - log(start.signal / start.noise)
            if before is not None:
                aim = clean + (0.5 * reach / reach_before) * (clean - before)
        latents = (end.noise / start.noise) * latents + (end.signal - end.noise * start.signal / start.noise) * aim
        before, reach_before = clean, reach
        yield Moment(latents=latents, clean=clean)


def pndm(eye: Eye, latents: Array, hops: Sequence[Hop], _chance: Chance) -> Iterator[Moment]:
    """Pseudo linear multistep, 2202.09778, equations 9 and 12; its second hop is the first one made again."""
    first, outputs = latents, list[Array]()
    for index, hop in enumerate(hops):
        output = eye.look(latents, hop.look)
        if index == 1:
            latents, blend = first, _weigh([outputs[0], output], (0.5, 0.5))
        else:
            outputs = [*outputs[-3:], output]
            blend = _weigh(outputs, ADAMS_BASHFORTH[len(outputs)])
        clean, noise = eye.clean_and_noise(blend, latents, hop.start)
        latents = hop.end.signal * clean + hop.end.noise * noise
        yield Moment(latents=latents, clean=clean)


def _weigh(outputs: Sequence[Array], weights: Sequence[float]) -> Array:
    total: Array = weights[0] * outputs[0]
    for weight, output in zip(weights[1:], outputs[1:], strict=True):
        total = total + weight * output
    return total


def lcm(eye: Eye, latents: Array, hops: Sequence[Hop], chance: Chance) -> Iterator[Moment]:
    """Latent consistency models, 2310.04378, algorithm 1: jump to the picture, noise it again a little less."""
    for index, hop in enumerate(hops):
        clean, _ = eye.split(latents, hop.start)
        scaled = hop.start.timestep * LCM_TIMESTEP_SCALE
        spread = scaled**2 + LCM_SIGMA_DATA**2
        clean = (scaled / spread**0.5) * clean + (LCM_SIGMA_DATA**2 / spread) * latents
        last = index == len(hops) - 1
        latents = clean if last else hop.end.signal * clean + hop.end.noise * chance()
        yield Moment(latents=latents, clean=clean)


SAMPLERS: dict[str, Sampler] = {
    "dpm++2m": dpm_solver,
    "pndm": pndm,
    "euler": euler,
    "euler-a": euler_ancestral,
    "ddim": ddim,
    "lcm": lcm,
}
