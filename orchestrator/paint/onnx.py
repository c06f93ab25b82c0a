"""A model's graphs in ONNX Runtime: `PIECE.onnx` files come in, graphs go out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as native

from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.paint import Engine
from orchestrator.paint.description import Description
from orchestrator.paint.graph import REPAIR, UNET, Arrays, Port, short, thread_count
from orchestrator.paint.latent import LatentPainter

FAILURES = tuple(kind for kind in vars(native).values() if isinstance(kind, type) and issubclass(kind, Exception))
PROVIDERS = {  # compute unit to what ONNX Runtime calls it
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
QUIET = 3  # errors only: they reach the person through ours


def painter(folder: Path, *, compute_unit: str, threads: int | None) -> LatentPainter:
    """Open a folder of ONNX graphs."""
    description = Description.read(folder)
    return LatentPainter(description, OnnxRuntime(folder, description.name, compute_unit, thread_count(threads)))


class OnnxRuntime:
    """ONNX Runtime over one model's folder."""

    def __init__(self, folder: Path, model: str, compute_unit: str, threads: int) -> None:
        self.folder = folder
        self._providers = _providers(compute_unit)
        units = {provider: unit for unit, provider in reversed(PROVIDERS.items())}
        self.engine = Engine(
            name="onnx",
            model=model,
            compute_unit=units[self._providers[0]],
            threads=threads,
            versions={"onnxruntime": onnxruntime.__version__, "numpy": np.__version__},
        )

    def has(self, piece: str) -> bool:
        return (self.folder / f"{piece}.onnx").exists()

    def open(self, piece: str) -> OnnxGraph:
        path = self.folder / f"{piece}.onnx"
        if not path.exists():
            raise AudioToImageError(f"{self.folder} has no {path.name}", REPAIR)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.engine.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = QUIET
        for name, value in WAITING.items():
            options.add_session_config_entry(f"session.intra_op.{name}", value)
        # Pooled memory quickens steps, but a decoder's planes are large, and are used once for each picture.
        options.enable_cpu_mem_arena = piece == UNET
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
        raise AudioToImageError(
            f"the graph takes {declared.name} as {declared.type}, which no model of ours does", REPAIR
        )
    shape = tuple(size if isinstance(size, int) else None for size in declared.shape)
    return Port(shape=shape, dtype=TYPES[declared.type])


def _providers(compute_unit: str) -> list[str]:
    """`auto` is CUDA where it is present, else the CPU; Core ML through ONNX Runtime is for who asks."""
    present = onnxruntime.get_available_providers()
    if compute_unit == "auto":
        return [name for name in (PROVIDERS["gpu"], PROVIDERS["cpu"]) if name in present]
    wanted = PROVIDERS["ne" if compute_unit == "gpu" and sys.platform == "darwin" else compute_unit]
    if wanted not in present:
        raise Misuse(f"ONNX Runtime here has no {wanted}", "choose --compute-unit cpu")
    return list(dict.fromkeys([wanted, PROVIDERS["cpu"]]))
