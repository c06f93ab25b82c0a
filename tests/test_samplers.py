"""Samplers with a model that knows the answer: they end at it, whatever the prediction and the spacing."""

from __future__ import annotations

import numpy as np
import pytest
from orchestrator.paint.samplers import SAMPLERS, Eye
from orchestrator.paint.schedule import Array, Level, plan

from orchestrator.paint.description import Description

pytestmark = pytest.mark.quick
SHAPE = (4, 8, 8)
RANDOM = np.random.default_rng(5)
ANSWER, NOISE = (RANDOM.standard_normal(SHAPE).astype(np.float32) for _ in range(2))


def knows(prediction: str) -> Eye:
    """Return a model that sees the answer below any noise."""

    def look(latents: Array, level: Level) -> Array:
        noise = (latents - level.signal * ANSWER) / level.noise
        return level.signal * noise - level.noise * ANSWER if prediction == "v" else noise

    return Eye(look=look, prediction=prediction)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("prediction", ["epsilon", "v"])
@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in ("pndm", "lcm")])
def test_a_model_that_knows_the_answer_is_believed(sampler: str, prediction: str, spacing: str) -> None:
    description = Description(
        name="pretended", latent_shape=SHAPE, size=(64, 64), text_width=8, prediction=prediction
    )  # fmt: skip
    laid = plan(description, sampler=sampler, spacing=spacing, steps=10)
    *_, last = SAMPLERS[sampler](knows(prediction), laid.begin(NOISE, None), laid.hops, lambda: NOISE)
    assert np.abs(last.clean - ANSWER).max() < 1e-3
