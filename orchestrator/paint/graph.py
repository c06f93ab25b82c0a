"""A graph and a runtime as the denoising loop sees them: named arrays in, named arrays out, whatever runs them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from orchestrator.errors import AudioToImageError
from orchestrator.paint import Engine

TEXT_ENCODER, UNET = "text_encoder", "unet"
VAE_DECODER, VAE_ENCODER = "vae_decoder", "vae_encoder"
SAFETY_CHECKER = "safety_checker"
TAKES = {  # what each piece must take, as Apple's models name it
    TEXT_ENCODER: {"input_ids"},
    UNET: {"sample", "timestep", "encoder_hidden_states"},
    VAE_DECODER: {"z"},
    VAE_ENCODER: {"x"},
    SAFETY_CHECKER: {"clip_input", "images"},
}
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
        """Tell what it takes."""

    def __call__(self, **arrays: NDArray[Any]) -> Arrays:
        """Run it."""


class Runtime(Protocol):
    """What loads the graphs of one model's folder."""

    @property
    def folder(self) -> Path:
        """Tell where the graphs are."""

    @property
    def engine(self) -> Engine:
        """Tell what runs them."""

    def has(self, piece: str) -> bool:
        """Tell whether the folder holds a piece."""

    def open(self, piece: str) -> Graph:
        """Load a piece."""


def open_checked(runtime: Runtime, piece: str) -> Graph:
    """Load a piece, and refuse a graph that is something else."""
    graph = runtime.open(piece)
    if not graph.inputs.keys() >= TAKES[piece]:
        takes = ", ".join(sorted(graph.inputs)) or "nothing"
        raise AudioToImageError(f"the {piece} in {runtime.folder} is something else: it takes {takes}", REPAIR)
    return graph


def run(graph: Graph, output: str, **arrays: NDArray[Any]) -> NDArray[np.float32]:
    """Run a graph and pick one output."""
    answers = graph(**arrays)
    if output not in answers:
        raise AudioToImageError(f"the model's graph gives {', '.join(answers)} but no {output}", REPAIR)
    return answers[output].astype(np.float32, copy=False)


def fitted(array: NDArray[Any], port: Port) -> NDArray[Any]:
    """Give an array a port's type; what an integer port takes is rounded."""
    whole = np.issubdtype(port.dtype, np.integer) and not np.issubdtype(array.dtype, np.integer)
    return np.asarray(np.rint(array) if whole else array, port.dtype, order="C")


def short(error: BaseException) -> str:
    """Cut a foreign message to its last words, on one line."""
    return " ".join(str(error).split())[-160:]


def available_cores() -> int:
    """Count the cores that this process may use."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def thread_count(asked: int | None) -> int:
    """Choose a number of threads: as asked, never more than there are cores."""
    cores = available_cores()
    return min(asked, cores) if asked else cores
