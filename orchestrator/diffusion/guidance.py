"""A network as a graph, under classifier-free guidance, 2207.12598."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.diffusion import Array
from orchestrator.diffusion.noise import Level
from orchestrator.runtime import Arrays, Graph, fitted, run

Conditioning = Mapping[str, NDArray[Any]]  # the network's own inputs by name, each with a leading row axis


@dataclass(frozen=True, kw_only=True)
class Guided:
    """A network with its conditioning; with a negative one, its output is led from that to the other.

    The graph takes `sample` and `timestep` beside the conditioning. It may have any number of rows, or a fixed number:
    then it is called as often as needed.
    """

    graph: Graph
    output: str  # its name among the graph's outputs
    conditioning: Conditioning
    negative: Conditioning | None
    guidance: float

    def __call__(self, sample: Array, level: Level) -> Array:
        """Return the network's output for every row of the sample."""
        if self.negative is None:
            return self._outputs(sample, level)
        negative, positive = np.split(self._outputs(np.concatenate([sample, sample]), level), 2)
        led: Array = negative + self.guidance * (positive - negative)
        return led

    def _outputs(self, sample: Array, level: Level) -> Array:
        """Call the graph with as many rows at a time as it takes; a last call that is not full repeats its last row."""
        count = len(sample)
        size = self.graph.inputs["sample"].shape[0] or count
        sample = _padded(sample, size)
        outputs = [self._call(sample, level, slice(at, at + size)) for at in range(0, count, size)]
        return (outputs[0] if len(outputs) == 1 else np.concatenate(outputs))[:count]

    def _call(self, sample: Array, level: Level, rows: slice) -> Array:
        ports, part = self.graph.inputs, sample[rows]
        timestep = np.full((len(part),) * len(ports["timestep"].shape), level.timestep)
        arrays = {name: array[rows] for name, array in self._inputs.items()}
        arrays |= {"sample": fitted(part, ports["sample"]), "timestep": fitted(timestep, ports["timestep"])}
        return run(self.graph, self.output, **arrays)

    @cached_property
    def _inputs(self) -> Arrays:
        """The conditioning as the graph takes it: negative rows first."""
        inputs: Arrays = {}
        for name, array in self.conditioning.items():
            whole = array if self.negative is None else np.concatenate([self.negative[name], array])
            port = self.graph.inputs[name]
            inputs[name] = _padded(fitted(whole, port), port.shape[0] or len(whole))
        return inputs


def _padded(array: NDArray[Any], size: int) -> NDArray[Any]:
    """Return an array whose rows are a multiple of `size`: its own, then the last one repeated."""
    missing = -len(array) % size
    return np.concatenate([array, *[array[-1:]] * missing]) if missing else array
