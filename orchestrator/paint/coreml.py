"""A model's graphs in Core ML, on a Mac: compiled models, or packages that are compiled once, come in; graphs go out.

coremltools holds Python's lock while it loads and predicts, and Core ML may free an input a moment after a prediction:
inputs are therefore made once, kept for the process's life, and written in place.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from orchestrator.errors import AudioToImageError, Unfit
from orchestrator.paint import Engine
from orchestrator.paint.description import FILE_NAME, Description
from orchestrator.paint.folder import core_ml
from orchestrator.paint.graph import REPAIR, TEXT_ENCODER, UNET, Arrays, Graph, Port, short
from orchestrator.paint.known import describe
from orchestrator.paint.latent import LatentPainter
from orchestrator.paint.package import ports

UNITS = {"cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "ne": "CPU_AND_NE", "all": "ALL"}
CHUNKS = ("unet_chunk1", "unet_chunk2")
FAILURES = (RuntimeError, ValueError, TypeError, OSError)
_INPUTS: dict[tuple[Path, str, Port], NDArray[Any]] = {}  # never let go: see above


def painter(folder: Path, *, compute_unit: str, threads: int | None) -> LatentPainter:  # noqa: ARG001 - Core ML chooses its own threads
    """Open a folder of Core ML models."""
    coremltools = binding()
    folder = folder.resolve()
    description = _describe(folder)
    engine = Engine(
        name="coreml",
        model=description.name,
        compute_unit=_unit(description.variant) if compute_unit == "auto" else compute_unit,
        threads=0,
        versions={"coremltools": coremltools.__version__, "numpy": np.__version__, "macOS": platform.mac_ver()[0]},
    )
    return LatentPainter(description, CoreMLRuntime(folder, engine, coremltools))


def binding() -> Any:
    """Import coremltools, which runs models on a Mac alone."""
    if sys.platform != "darwin":
        raise Unfit("Core ML runs on macOS only", "choose --engine onnx, and a model with ONNX graphs")
    import coremltools

    return coremltools


def _describe(folder: Path) -> Description:
    if (folder / FILE_NAME).exists():
        return Description.read(folder)
    unet = core_ml(folder, UNET) or core_ml(folder, CHUNKS[0])
    if not unet:
        raise AudioToImageError(f"{folder} has no Unet", REPAIR)
    takes = ports(unet)
    try:
        return describe(folder, takes["sample"], takes["encoder_hidden_states"])
    except KeyError as error:
        raise AudioToImageError(f"{unet} is something else: it takes {', '.join(takes)}", REPAIR) from error


def _unit(variant: str) -> str:
    """Original attention fails on the Neural Engine, split_einsum was made for it; Intel's Macs have none."""
    return "ne" if variant.startswith("split_einsum") and platform.machine() == "arm64" else "gpu"


class CoreMLRuntime:
    """Core ML over one model's folder."""

    def __init__(self, folder: Path, engine: Engine, coremltools: Any) -> None:
        self.folder, self.engine = folder, engine
        self._coremltools = coremltools

    def has(self, piece: str) -> bool:
        return core_ml(self.folder, piece) is not None or (
            piece == UNET and core_ml(self.folder, CHUNKS[0]) is not None
        )

    def open(self, piece: str) -> Graph:
        if piece == UNET and not core_ml(self.folder, UNET):
            return Chunked(*(self._load(chunk) for chunk in CHUNKS))
        return self._load(piece)

    def _load(self, piece: str) -> CoreMLGraph:
        path = core_ml(self.folder, piece)
        if not path:
            raise AudioToImageError(f"{self.folder} has no {piece}", REPAIR)
        unit = self._coremltools.ComputeUnit[UNITS[self._unit_of(piece)]]
        takes = ports(path)
        try:
            compiled = self._compiled(path)
            model = self._coremltools.models.CompiledMLModel(str(compiled), compute_units=unit)
        except FAILURES as error:
            raise AudioToImageError(f"Core ML cannot load {path}: {short(error)}", REPAIR) from error
        return CoreMLGraph(model, path, takes)

    def _unit_of(self, piece: str) -> str:
        """The text encoder never runs on the GPU: there, some systems crash on it."""
        chosen = self.engine.compute_unit
        return {"gpu": "cpu", "all": "ne"}.get(chosen, chosen) if piece == TEXT_ENCODER else chosen

    def _compiled(self, path: Path) -> Path:
        """Compile a package once: Core ML remembers what it made of a compiled model by that model's path."""
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


class Chunked:
    """A unet in two parts: the second takes what the first gives, and some of what the first took."""

    def __init__(self, first: CoreMLGraph, second: CoreMLGraph) -> None:
        self._first, self._second = first, second
        self.inputs = first.inputs

    def __call__(self, **arrays: NDArray[Any]) -> Arrays:
        known = arrays | self._first(**arrays)
        return self._second(**{name: known[name] for name in self._second.inputs})
