"""Read the inputs of a Core ML model from its files: a compiled model's metadata, or a package's specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.errors import AudioToImageError
from orchestrator.runtime import REPAIR, Port, short

# coremltools passes float32 and int32; Core ML itself casts to half precision where the model needs it.
COMPILED_TYPES = {"Float16": np.float32, "Float32": np.float32, "Double": np.float32, "Int32": np.int32}
PACKAGE_TYPES = {65552: np.float32, 65568: np.float32, 65600: np.float32, 131104: np.int32}


def ports(path: Path) -> dict[str, Port]:
    """Return the names, shapes and types of a model's inputs."""
    try:
        return _of_compiled(path) if path.suffix == ".mlmodelc" else _of_package(path)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        raise AudioToImageError(f"{path} is not a Core ML model that can be read: {short(error)}", REPAIR) from error


def _of_compiled(path: Path) -> dict[str, Port]:
    metadata = json.loads((path / "metadata.json").read_text(encoding="utf-8"))
    return {each["name"]: _compiled_port(each) for each in metadata[0]["inputSchema"]}


def _compiled_port(declared: dict[str, Any]) -> Port:
    shape = tuple(int(size) for size in json.loads(declared["shape"]))
    return Port(shape=shape, dtype=COMPILED_TYPES[declared["dataType"]])


def _of_package(path: Path) -> dict[str, Port]:
    from coremltools.models.utils import load_spec
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        inputs = load_spec(str(path)).description.input
    except DecodeError as error:
        raise ValueError("its specification is damaged") from error
    return {each.name: _package_port(each.type.multiArrayType) for each in inputs}


def _package_port(declared: Any) -> Port:
    return Port(shape=tuple(int(size) for size in declared.shape), dtype=PACKAGE_TYPES[declared.dataType])
