"""Samplers with a network that knows the data: they end at it, whatever the prediction and the spacing."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.diffusion import Array
from orchestrator.diffusion.loop import SeededNoise, denoise, plan
from orchestrator.diffusion.noise import Betas, Level
from orchestrator.diffusion.prediction import PREDICTIONS, Denoiser
from orchestrator.diffusion.samplers import SAMPLERS

pytestmark = pytest.mark.quick
SHAPE = (4, 8, 8)
DATA = np.random.default_rng(5).standard_normal((1, *SHAPE)).astype(np.float32)


def network_that_knows(prediction: str) -> Denoiser:
    """Return a denoiser that finds DATA in every sample."""

    def network(sample: Array, level: Level) -> Array:
        noise = (sample - level.signal * DATA) / level.noise
        velocity = level.signal * noise - level.noise * DATA
        return {"epsilon": noise, "v": velocity, "edm": -velocity}[prediction]

    return Denoiser(network=network, prediction=PREDICTIONS[prediction])


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in ("pndm", "lcm")])
def test_a_network_that_knows_the_data_leads_to_it(sampler: str, prediction: str, spacing: str) -> None:
    laid = plan(Betas(start=0.00085, end=0.012), sampler=sampler, spacing=spacing, steps=10)
    *_, last = denoise(laid, network_that_knows(prediction), SeededNoise([7], SHAPE))
    assert np.abs(last.denoised - DATA).max() < 1e-3
