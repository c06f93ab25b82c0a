"""A model's graphs, whatever runs them: named arrays in, named arrays out.

A graph knows nothing of what the model is for. Which pieces a model has, and how each of them is best run, is decided
by the caller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from orchestrator.errors import AudioToImageError

REPAIR = "audio-to-image models verify"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Port:
    """One input of a graph; None in its shape is a size left open."""

    shape: tuple[int | None, ...]
    dtype: DTypeLike


class Graph(Protocol):
    """A loaded graph."""

    @property
    def inputs(self) -> Mapping[str, Port]:
        """Return the graph's inputs by name."""

    def __call__(self, **arrays: NDArray[Any]) -> Arrays:
        """Run the graph once and return all its outputs by name."""


class Runtime(Protocol):
    """Loads the graphs in one model's folder."""

    @property
    def folder(self) -> Path:
        """Return the folder."""

    @property
    def compute_unit(self) -> str:
        """Return the hardware in use: cpu, gpu, ne or all."""

    @property
    def threads(self) -> int:
        """Return the number of threads; 0 where the runtime chooses."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Return the versions of the libraries in use."""

    def has(self, piece: str) -> bool:
        """Return True if the folder holds the piece."""

    def open(self, piece: str) -> Graph:
        """Load a piece."""


def open_checked(runtime: Runtime, piece: str, takes: Set[str]) -> Graph:
    """Load a piece; raise if the graph lacks one of the inputs that it must take."""
    graph = runtime.open(piece)
    if not graph.inputs.keys() >= takes:
        found = ", ".join(sorted(graph.inputs)) or "nothing"
        raise AudioToImageError(f"the {piece} in {runtime.folder} is something else: it takes {found}", REPAIR)
    return graph


def run(graph: Graph, output: str, **arrays: NDArray[Any]) -> NDArray[np.float32]:
    """Run a graph and return one of its outputs."""
    return pick(graph(**arrays), output)


def pick(answers: Arrays, output: str) -> NDArray[np.float32]:
    """Return one of a graph's outputs as float32."""
    if output not in answers:
        raise AudioToImageError(f"the model's graph gives {', '.join(answers)} but no {output}", REPAIR)
    return answers[output].astype(np.float32, copy=False)


def fitted(array: NDArray[Any], port: Port) -> NDArray[Any]:
    """Return an array in a port's type and C order; an integer port gets rounded numbers."""
    whole = np.issubdtype(port.dtype, np.integer) and not np.issubdtype(array.dtype, np.integer)
    return np.asarray(np.rint(array) if whole else array, port.dtype, order="C")


def short(error: BaseException) -> str:
    """Return the end of a library's error message, on one line."""
    return " ".join(str(error).split())[-160:]


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def thread_count(wanted: int | None) -> int:
    """Return the wanted number of threads, but never more than there are cores."""
    cores = available_cores()
    return min(wanted, cores) if wanted else cores
