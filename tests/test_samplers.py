"""Predictions and samplers without diffusers: with a network that knows the answer, and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import choices
from orchestrator.diffusion import Array
from orchestrator.diffusion.loop import SeededNoise, denoise, plan
from orchestrator.diffusion.noise import BY_SIGMA, Betas, Level, Schedule, Sigmas
from orchestrator.diffusion.prediction import PREDICTIONS, Denoiser
from orchestrator.diffusion.samplers import SAMPLERS

pytestmark = pytest.mark.quick
SHAPE = (4, 8, 8)
SD = Betas(start=0.00085, end=0.012)
ANSWER = SeededNoise([5], SHAPE)()


def knowing(prediction: str) -> Denoiser:
    """Return a denoiser that finds the answer below any noise."""

    def network(sample: Array, level: Level) -> Array:
        noise = (sample - level.signal * ANSWER) / level.noise
        v = level.signal * noise - level.noise * ANSWER
        return {"epsilon": noise, "v": v, "edm": -v}[prediction]

    return Denoiser(network=network, prediction=PREDICTIONS[prediction])


def mixed(sample: Array, level: Level) -> Array:
    """Answer as a network does: by place, channel and time, within range."""
    turned = sample[..., [1, 2, 3, 0], :, :]
    answer: Array = (0.75 * sample + 0.2 * turned + 0.1 * np.sin(level.timestep / 90.0)).astype(np.float32)
    return answer


def test_every_sampler_that_can_be_chosen_exists() -> None:
    assert tuple(sorted(SAMPLERS)) == tuple(sorted(choices.SAMPLERS))


FOLLOWED = [
    *((sampler, SD, spacing) for sampler in (*BY_SIGMA, "ddim") for spacing in ("leading", "trailing", "linspace")),
    *((sampler, Sigmas(), "karras") for sampler in BY_SIGMA),
]


@pytest.mark.parametrize(("sampler", "schedule", "spacing"), FOLLOWED)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_a_network_that_knows_the_answer_is_followed_to_it(
    sampler: str, prediction: str, schedule: Schedule, spacing: str
) -> None:
    laid = plan(schedule, sampler=sampler, spacing=spacing, steps=10)
    *_, last = denoise(laid, knowing(prediction), SeededNoise([6], SHAPE))
    assert np.abs(last.denoised - ANSWER).max() < 1e-3
    left = laid.steps[-1].end
    # ddim with linspace ends at the last level with the noise of a louder one: 16 times its own noise is seen
    assert np.abs(last.sample - left.signal * ANSWER).max() <= 20 * left.noise + 1e-3


@pytest.mark.parametrize("prediction", PREDICTIONS)
@given(st.floats(0.01, 1.55), st.integers(0, 99))
def test_what_a_prediction_splits_adds_up_to_the_sample(prediction: str, angle: float, seed: int) -> None:
    level = Level(timestep=1.0, signal=float(np.cos(angle)), noise=float(np.sin(angle)))
    sample, output = SeededNoise([seed, seed + 1], SHAPE)()
    denoised, noise = PREDICTIONS[prediction].split(output, sample, level)
    assert np.abs(level.signal * denoised + level.noise * noise - sample).max() < 2e-5


@pytest.mark.parametrize("prediction", PREDICTIONS)
@given(st.floats(0.01, 1.55), st.integers(0, 99))
def test_a_perfect_network_is_split_into_the_data_and_the_noise(prediction: str, angle: float, seed: int) -> None:
    level = Level(timestep=1.0, signal=float(np.cos(angle)), noise=float(np.sin(angle)))
    data, noise = SeededNoise([seed, seed + 1], SHAPE)().astype(np.float64)
    v = level.signal * noise - level.noise * data
    sample = level.signal * data + level.noise * noise
    output = {"epsilon": noise, "v": v, "edm": -v}[prediction]
    split = PREDICTIONS[prediction].split(output, sample, level)
    assert np.abs(split[0] - data).max() < 1e-9
    assert np.abs(split[1] - noise).max() < 1e-9


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_row_does_not_depend_on_the_rows_beside_it(sampler: str) -> None:
    laid = plan(SD, sampler=sampler, spacing="leading", steps=5)
    denoiser = Denoiser(network=mixed, prediction=PREDICTIONS["v"])
    together = [state.sample for state in denoise(laid, denoiser, SeededNoise([1, 2, 3], SHAPE))]
    alone = [state.sample[0] for state in denoise(laid, denoiser, SeededNoise([2], SHAPE))]
    assert all((both[1] == one).all() for both, one in zip(together, alone, strict=True))


@pytest.mark.parametrize("sampler", BY_SIGMA)
def test_the_sigma_schedule_starts_at_the_largest_sigma_and_ends_without_noise(sampler: str) -> None:
    laid = plan(Sigmas(), sampler=sampler, spacing="karras", steps=20)
    sigmas = [step.start.sigma for step in laid.steps]
    assert sigmas == sorted(sigmas, reverse=True)
    assert abs(sigmas[0] - 160.0) < 1e-6  # 80 beside data of deviation 0.5
    assert abs(sigmas[-1] - 0.004) < 1e-9
    assert laid.steps[-1].end.noise == 0.0
    assert abs(laid.init_noise_sigma - ((80**2 + 1) / (80**2 + 0.25)) ** 0.5) < 1e-12
    assert abs(laid.steps[0].evaluated.timestep - np.log(80) / 4) < 1e-12
