"""Several pictures in one network call, with simulated graphs."""

from typing import Any

import numpy as np
import pytest
from simulated import SIZE, encoder, paint, painter, steps_of, unet

from orchestrator.choices import SAMPLERS
from orchestrator.errors import Misuse
from orchestrator.paint import Decision, Wish

pytestmark = pytest.mark.quick


def test_one_picture_a_call_is_the_default_and_a_batch_shares_the_call():
    graphs = [unet() for _ in range(2)]
    for graph, batch in zip(graphs, (1, 3), strict=True):
        paint(painter(unet=graph, batch=batch), count=3)
    assert [len(graph.calls) for graph in graphs] == [12, 4]
    assert {call["sample"].shape[0] for call in graphs[1].calls} == {6}  # three pictures, each with and without words


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_batch_paints_the_same_as_single_pictures(sampler, guidance):
    asked = {"count": 5, "sampler": sampler, "guidance": guidance}
    alone = sorted(paint(painter(), **asked), key=lambda step: (step.index, step.picture))
    together = sorted(paint(painter(batch=2), **asked), key=lambda step: (step.index, step.picture))
    assert [(each.picture, each.count, each.index, each.seed) for each in alone] == [
        (each.picture, each.count, each.index, each.seed) for each in together
    ]
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one.denoised - other.denoised).max() < 1e-5
        assert (one.pixels is None) == (other.pixels is None)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_graph_with_a_fixed_number_of_rows_is_called_as_often_as_needed(rows):
    alone = [step.pixels for step in paint(painter(), count=3) if step.pixels is not None]
    graph = unet(batch=rows)
    seen = [step.pixels for step in paint(painter(unet=graph, batch=3), count=3) if step.pixels is not None]
    assert {call["sample"].shape[0] for call in graph.calls} == {rows}
    assert len(graph.calls) == 4 * 6 // rows
    assert all(np.abs(one.astype(int) - other).max() <= 1 for one, other in zip(alone, seen, strict=True))


def test_different_wishes_are_painted_together():
    extras: list[dict[str, Any]] = [{}, {"image": np.full((*SIZE, 3), 200, np.uint8), "strength": 0.5}]
    for extra in extras:
        wishes = [
            Wish(prompt="a red house", seed=3, count=2, **extra),
            Wish(prompt="a dragon", negative="blurry", seed=9, **extra),
        ]
        alone = [
            step.pixels
            for wish in wishes
            for step in steps_of(painter(vae_encoder=encoder()).paint(wish))
            if step.pixels is not None
        ]
        events = list(painter(vae_encoder=encoder(), batch=3).paint_all(wishes))
        assert [event.prompt for event in events if isinstance(event, Decision)] == ["a red house", "a dragon"]
        last = [step for step in steps_of(events) if step.pixels is not None]
        assert [(step.picture, step.count, step.seed) for step in last] == [(0, 3, 3), (1, 3, 4), (2, 3, 9)]
        assert all(np.abs(one.astype(int) - each.pixels).max() <= 1 for one, each in zip(alone, last, strict=True))
    assert not np.array_equal(last[0].denoised, last[2].denoised)


def test_wishes_that_need_other_steps_are_not_painted_together():
    with pytest.raises(Misuse, match="must agree"):
        painter().paint_all([Wish(prompt="a house"), Wish(prompt="a house", steps=9)])
