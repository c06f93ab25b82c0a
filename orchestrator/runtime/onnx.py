"""Graphs in ONNX Runtime: each piece of a model is `PIECE.onnx` in its folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as native

from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.runtime import REPAIR, Arrays, Port, short, thread_count

FAILURES = tuple(kind for kind in vars(native).values() if isinstance(kind, type) and issubclass(kind, Exception))
PROVIDERS = {  # by compute unit
    "cpu": "CPUExecutionProvider",
    "gpu": "CUDAExecutionProvider",
    "ne": "CoreMLExecutionProvider",
    "all": "CoreMLExecutionProvider",
}
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
# Threads that spin for long steal from each other on a busy machine; those that sleep at once wake late on an idle one.
# Demo model, two cores, milliseconds a step: idle 15 spinning, 20 sleeping, 16 so; busy 420, 230, 240.
WAITING = {"spin_duration_us": "30", "spin_backoff_max": "64"}
ERRORS_ONLY = 3  # log level: errors reach the user through our own exceptions


class OnnxRuntime:
    """ONNX Runtime over one model's folder.

    Pieces in `arena` keep their working memory between calls: faster for a graph that is run many times, wasteful for
    one that is run once.
    """

    def __init__(self, folder: Path, *, compute_unit: str, threads: int | None, arena: Set[str] = frozenset()) -> None:
        self.folder = folder
        self.threads = thread_count(threads)
        self.versions = {"onnxruntime": onnxruntime.__version__, "numpy": np.__version__}
        self._providers, self._arena = _providers(compute_unit), arena
        units = {provider: unit for unit, provider in reversed(PROVIDERS.items())}
        self.compute_unit = units[self._providers[0]]

    def has(self, piece: str) -> bool:
        return (self.folder / f"{piece}.onnx").exists()

    def open(self, piece: str) -> OnnxGraph:
        path = self.folder / f"{piece}.onnx"
        if not path.exists():
            raise AudioToImageError(f"{self.folder} has no {path.name}", REPAIR)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        for name, value in WAITING.items():
            options.add_session_config_entry(f"session.intra_op.{name}", value)
        options.enable_cpu_mem_arena = piece in self._arena
        try:
            return OnnxGraph(onnxruntime.InferenceSession(str(path), options, providers=self._providers), path)
        except FAILURES as error:
            raise AudioToImageError(f"{path} is not a graph that can be run: {short(error)}", REPAIR) from error


class OnnxGraph:
    """One session."""

    def __init__(self, session: onnxruntime.InferenceSession, path: Path) -> None:
        self._session, self._path = session, path
        self._outputs = [output.name for output in session.get_outputs()]
        self.inputs: Mapping[str, Port] = {each.name: _port(each) for each in session.get_inputs()}

    def __call__(self, **arrays: NDArray[Any]) -> Arrays:
        try:
            return dict(zip(self._outputs, self._session.run(None, arrays), strict=True))
        except FAILURES as error:
            raise AudioToImageError(f"{self._path} failed: {short(error)}", REPAIR) from error


def _port(declared: onnxruntime.NodeArg) -> Port:
    if declared.type not in TYPES:
        raise AudioToImageError(f"the graph takes {declared.name} as {declared.type}, which is not supported", REPAIR)
    shape = tuple(size if isinstance(size, int) else None for size in declared.shape)
    return Port(shape=shape, dtype=TYPES[declared.type])


def _providers(compute_unit: str) -> list[str]:
    """Return the providers to try in order; `auto` is CUDA where present, else the CPU, and never Core ML."""
    present = onnxruntime.get_available_providers()
    if compute_unit == "auto":
        return [name for name in (PROVIDERS["gpu"], PROVIDERS["cpu"]) if name in present]
    wanted = PROVIDERS["ne" if compute_unit == "gpu" and sys.platform == "darwin" else compute_unit]
    if wanted not in present:
        raise Misuse(f"ONNX Runtime here has no {wanted}", "choose --compute-unit cpu")
    return list(dict.fromkeys([wanted, PROVIDERS["cpu"]]))
