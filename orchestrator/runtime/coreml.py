"""Graphs in Core ML, on a Mac: compiled models, or packages, which are compiled once.

coremltools holds Python's lock while it loads and predicts, and Core ML may free an input a moment after a prediction:
inputs are therefore allocated once, kept for the life of the process, and written in place.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from orchestrator.errors import AudioToImageError, Unfit
from orchestrator.runtime import REPAIR, Arrays, Graph, Port, short
from orchestrator.runtime.package import ports

UNITS = {"cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "ne": "CPU_AND_NE", "all": "ALL"}  # by compute unit
FAILURES = (RuntimeError, ValueError, TypeError, OSError)
_INPUTS: dict[tuple[Path, str, Port], NDArray[Any]] = {}  # never freed: see above


def binding() -> Any:
    """Import coremltools, which runs models only on a Mac."""
    if sys.platform != "darwin":
        raise Unfit("Core ML runs on macOS only", "choose --engine onnx, and a model with ONNX graphs")
    import coremltools

    return coremltools


class CoreMLRuntime:
    """Core ML over one model's folder.

    `paths` maps each piece to its model files; a piece with several is a chain, see `Chained`. `units` names the
    compute unit of pieces that must not run where the others do.
    """

    threads = 0  # Core ML chooses

    def __init__(
        self,
        folder: Path,
        paths: Mapping[str, Sequence[Path]],
        coremltools: Any,
        *,
        compute_unit: str,
        units: Mapping[str, str],
    ) -> None:
        self.folder, self.compute_unit = folder, compute_unit
        self.versions = {
            "coremltools": coremltools.__version__,
            "numpy": np.__version__,
            "macOS": platform.mac_ver()[0],
        }
        self._paths, self._units, self._coremltools = paths, units, coremltools

    def has(self, piece: str) -> bool:
        return bool(self._paths.get(piece))

    def open(self, piece: str) -> Graph:
        if not self.has(piece):
            raise AudioToImageError(f"{self.folder} has no {piece}", REPAIR)
        unit = self._coremltools.ComputeUnit[UNITS[self._units.get(piece, self.compute_unit)]]
        loaded = [self._load(path, unit) for path in self._paths[piece]]
        return loaded[0] if len(loaded) == 1 else Chained(loaded)

    def _load(self, path: Path, unit: Any) -> CoreMLGraph:
        takes = ports(path)
        try:
            compiled = self._compiled(path)
            model = self._coremltools.models.CompiledMLModel(str(compiled), compute_units=unit)
        except FAILURES as error:
            raise AudioToImageError(f"Core ML cannot load {path}: {short(error)}", REPAIR) from error
        return CoreMLGraph(model, path, takes)

    def _compiled(self, path: Path) -> Path:
        """Compile a package once, at a path of its own: Core ML caches its work by the compiled model's path."""
        if path.suffix == ".mlmodelc":
            return path
        made = f"{path} {path.stat().st_mtime_ns}"
        kept = (
            platformdirs.user_cache_path("audio-to-image") / "core-ml" / hashlib.sha256(made.encode()).hexdigest()[:16]
        )
        target = kept / f"{path.stem}.mlmodelc"
        if not target.exists():
            kept.mkdir(parents=True, exist_ok=True)
            part = kept / f"{path.stem}.{os.getpid()}.mlmodelc"
            self._coremltools.models.utils.compile_model(str(path), str(part))
            part.rename(target)
        return target


class CoreMLGraph:
    """One loaded model."""

    def __init__(self, model: Any, path: Path, takes: Mapping[str, Port]) -> None:
        self._model, self._path, self.inputs = model, path, takes
        self._kept = {
            name: _INPUTS.setdefault((path, name, port), np.zeros([size or 1 for size in port.shape], port.dtype))
            for name, port in takes.items()
        }

    def __call__(self, **arrays: NDArray[Any]) -> Arrays:
        if arrays.keys() != self.inputs.keys():
            raise AudioToImageError(f"{self._path} takes {', '.join(self.inputs)}, not {', '.join(arrays)}", REPAIR)
        for name, array in arrays.items():
            kept = self._kept[name]
            if array.shape != kept.shape:
                raise AudioToImageError(f"{self._path} takes {name} as {kept.shape}, not {array.shape}", REPAIR)
            kept[...] = array
        try:
            answers: Arrays = self._model.predict(dict(self._kept))
        except FAILURES as error:
            raise AudioToImageError(f"{self._path} failed: {short(error)}", "choose another --compute-unit") from error
        return answers


class Chained:
    """A graph cut into several: each takes what it needs of the inputs and of all earlier outputs."""

    def __init__(self, graphs: Sequence[CoreMLGraph]) -> None:
        self._first, *self._rest = graphs
        self.inputs = self._first.inputs

    def __call__(self, **arrays: NDArray[Any]) -> Arrays:
        known = arrays | self._first(**arrays)
        for graph in self._rest:
            known |= graph(**{name: known[name] for name in graph.inputs})
        return known
