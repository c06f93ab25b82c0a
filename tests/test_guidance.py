"""Classifier-free guidance over a network's own inputs, whatever they are called."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.diffusion.guidance import Guided
from orchestrator.diffusion.noise import Level
from orchestrator.runtime import Port

pytestmark = pytest.mark.quick

LEVEL = Level(timestep=500.0, signal=0.8, noise=0.6)
SHAPE = (2, 3)


class Network:
    """Answers with the sample plus the sum of each row's conditioning; records how it was called."""

    def __init__(self, rows, conditioning) -> None:
        self.inputs = {
            "sample": Port(shape=(rows, *SHAPE), dtype=np.float32),
            "timestep": Port(shape=(rows,), dtype=np.float32),
        }
        self.inputs |= {
            name: Port(shape=(rows, *array.shape[1:]), dtype=np.float32) for name, array in conditioning.items()
        }
        self.calls = []

    def __call__(self, sample, timestep, **conditioning):
        self.calls.append(len(sample))
        assert (timestep == LEVEL.timestep).all()
        assert {len(array) for array in conditioning.values()} <= {len(sample)}
        said = sum(array.reshape(len(array), -1).sum(1) for array in conditioning.values())
        return {"out": (sample + np.reshape(said, (-1, 1, 1))).astype(np.float32)}


def drawn(seed, count, keys):
    random = np.random.RandomState(seed)
    shapes = [(4,), (2, 3), (5, 1, 2)]
    return {key: random.randn(count, *shapes[at % 3]).astype(np.float32) for at, key in enumerate(keys)}


def sums(conditioning):
    return sum(array.reshape(len(array), -1).sum(1) for array in conditioning.values()).reshape(-1, 1, 1)


@given(
    st.lists(st.from_regex(r"[a-z_]{3,12}", fullmatch=True), min_size=1, max_size=4, unique=True),
    st.integers(1, 5),
    st.sampled_from([None, 1, 2, 3]),
    st.floats(0.0, 12.0),
)
def test_guidance_leads_every_row_whatever_its_inputs_are_called(keys, count, rows, guidance):
    keys = [f"{key}_" for key in keys]  # none is called sample or timestep
    positive, negative = drawn(1, count, keys), drawn(2, count, keys)
    network = Network(rows, positive)
    sample = np.random.RandomState(0).randn(count, *SHAPE).astype(np.float32)
    guided = Guided(graph=network, output="out", conditioning=positive, negative=negative, guidance=guidance)
    expected = sample + sums(negative) + guidance * (sums(positive) - sums(negative))
    assert np.abs(guided(sample, LEVEL) - expected).max() < 1e-3
    assert network.calls == ([2 * count] if rows is None else [rows] * -(-2 * count // rows))


@pytest.mark.parametrize("rows", [None, 1, 2])
def test_without_a_negative_each_row_is_seen_once(rows):
    positive = drawn(1, 3, ["class_labels"])
    network = Network(rows, positive)
    sample = np.zeros((3, *SHAPE), np.float32)
    guided = Guided(graph=network, output="out", conditioning=positive, negative=None, guidance=7.0)
    assert np.abs(guided(sample, LEVEL) - sums(positive)).max() < 1e-5
    assert network.calls == {None: [3], 1: [1, 1, 1], 2: [2, 2]}[rows]


def test_a_network_without_conditioning_can_be_sampled():
    network = Network(None, {})
    sample = np.ones((2, *SHAPE), np.float32)
    guided = Guided(graph=network, output="out", conditioning={}, negative=None, guidance=1.0)
    assert (guided(sample, LEVEL) == sample).all()
