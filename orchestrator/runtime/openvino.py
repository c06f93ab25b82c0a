"""ONNX graphs in OpenVINO (the extra `openvino`): faster on Intel's and AMD's processors."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import AudioToImageError, Misuse, Unfit
from orchestrator.runtime import REPAIR, Arrays, Port, thread_count

DEVICES = {"auto": "CPU", "cpu": "CPU", "gpu": "GPU", "ne": "NPU", "all": "AUTO"}  # by compute unit
FULL = "f32"  # OpenVINO's default is bf16 where the processor has it: faster, but other results


class OpenVinoRuntime:
    """OpenVINO over one model's folder."""

    def __init__(self, folder: Path, *, compute_unit: str, threads: int | None, precision: str = FULL) -> None:
        if find_spec("openvino") is None:
            raise Unfit("OpenVINO is not installed", "pip install 'audio-to-image[openvino]'")
        import openvino

        self.folder = folder
        self.compute_unit = "cpu" if compute_unit == "auto" else compute_unit
        self.threads = thread_count(threads)
        self.versions = {"openvino": openvino.__version__, "numpy": np.__version__}
        self._core, self._device = openvino.Core(), DEVICES[compute_unit]
        if self._device not in (*self._core.available_devices, "AUTO"):
            raise Misuse(f"OpenVINO sees no {self._device} here", "choose --compute-unit cpu")
        self._options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        if self._device == "CPU":
            self._options |= {"INFERENCE_NUM_THREADS": str(self.threads), "NUM_STREAMS": "1"}

    def has(self, piece: str) -> bool:
        return (self.folder / f"{piece}.onnx").exists()

    def open(self, piece: str) -> OpenVinoGraph:
        path = self.folder / f"{piece}.onnx"
        if not path.exists():
            raise AudioToImageError(f"{self.folder} has no {path.name}", REPAIR)
        try:
            return OpenVinoGraph(self._core.compile_model(str(path), self._device, self._options), path)
        except RuntimeError as error:
            raise AudioToImageError(f"{path} is not a graph that OpenVINO can run", REPAIR) from error


class OpenVinoGraph:
    """One compiled model."""

    def __init__(self, model: Any, path: Path) -> None:
        self._request, self._path = model.create_infer_request(), path
        self._outputs = [port.get_names() for port in model.outputs]  # OpenVINO may know one port by several names
        self.inputs: Mapping[str, Port] = {name: _port(port) for port in model.inputs for name in port.get_names()}

    def __call__(self, **arrays: NDArray[Any]) -> Arrays:
        try:
            answers = self._request.infer(arrays)
        except RuntimeError as error:
            raise AudioToImageError(f"{self._path} failed in OpenVINO", REPAIR) from error
        return {name: answers[index].copy() for index, names in enumerate(self._outputs) for name in names}


def _port(declared: Any) -> Port:
    shape = tuple(size.get_length() if size.is_static else None for size in declared.partial_shape)
    return Port(shape=shape, dtype=declared.element_type.to_dtype())
