"""Run a Core ML package without Core ML: read an `.mlpackage`, and return a function of arrays.

coremltools reads the package's operations and weights; the arithmetic is `mil_operations`, palettes included. With
`fp16`, every result that the package declares as float16 is rounded to it, as a GPU or Neural Engine would.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mil_operations import OPERATIONS
from numpy.typing import NDArray
from torch import Tensor

from orchestrator.catalogue.layout import core_ml_files
from orchestrator.paint.description import Description
from orchestrator.paint.latent import LatentPainter
from orchestrator.runtime import Port

logging.getLogger("coremltools").setLevel(logging.CRITICAL)

FLOAT16 = 65552  # in a package's description


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package's one function."""

    inputs: Mapping[str, tuple[int, ...]]
    half_inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operations: tuple[Any, ...]
    fp16: bool

    def __call__(self, **arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Evaluate every operation in order; drop each value after its last use."""
        if {name: array.shape for name, array in arrays.items()} != dict(self.inputs):
            raise ValueError(f"takes {dict(self.inputs)}, not { ({name: a.shape for name, a in arrays.items()}) }")
        values = {name: torch.tensor(array, dtype=torch.float32) for name, array in arrays.items()}
        values |= {name: self._round(values[name]) for name in self.half_inputs}
        last = {id(var): index for index, op in enumerate(self.operations) for var in _variables(op)}
        names = {id(var): var.name for op in self.operations for var in _variables(op)}
        with torch.no_grad():
            for index, op in enumerate(self.operations):
                self._evaluate(op, values)
                for key in [key for key, at in last.items() if at == index and names[key] not in self.outputs]:
                    values.pop(names[key], None)
        return {name: values[name].numpy() for name in self.outputs}

    def _evaluate(self, op: Any, values: dict[str, Tensor]) -> None:
        given = {name: _value(var, values) for name, var in op.inputs.items() if var is not None}
        (output,) = op.outputs
        if op.op_type == "const":
            return
        result = OPERATIONS[op.op_type](**given)
        if tuple(result.shape) != tuple(output.shape):
            raise ValueError(f"{op.op_type} {op.name} gave {tuple(result.shape)}, the package says {output.shape}")
        values[output.name] = self._round(result) if _is_half(output) else result

    def _round(self, value: Tensor) -> Tensor:
        return value.half().float() if self.fp16 else value


def load(path: Path, *, fp16: bool = False) -> Package:
    """Read a package."""
    from coremltools.converters.mil.frontend.milproto.load import load as read
    from coremltools.models.utils import load_spec

    spec = load_spec(str(path))
    main = read(spec, spec.specificationVersion, str(path / "Data/com.apple.CoreML/weights")).functions["main"]
    shapes = {each.name: tuple(each.type.multiArrayType.shape) for each in spec.description.input}
    outputs = tuple(each.name for each in spec.description.output)
    half = tuple(each.name for each in spec.description.input if each.type.multiArrayType.dataType == FLOAT16)
    operations = tuple(main.operations)
    return Package(inputs=shapes, half_inputs=half, outputs=outputs, operations=operations, fp16=fp16)


def _variables(op: Any) -> list[Any]:
    """List the variables that an operation reads."""
    given = [var for var in op.inputs.values() if var is not None]
    return [each for var in given for each in (var if isinstance(var, list | tuple) else [var])]


def _value(var: Any, values: Mapping[str, Tensor]) -> Any:
    """Look a variable up: computed before, or a constant of the package."""
    if isinstance(var, list | tuple):
        return [_value(each, values) for each in var]
    if var.name in values:
        return values[var.name]
    if var.op is None or var.op.op_type != "const":
        raise KeyError(f"{var.name} was never computed")
    constant = var.val
    if isinstance(constant, np.ndarray) and constant.dtype == np.float16:
        return torch.from_numpy(constant.astype(np.float32))
    if isinstance(constant, np.floating):
        return float(constant)
    return torch.from_numpy(constant.copy()) if _is_weight(constant) else constant


def _is_weight(constant: Any) -> bool:
    return isinstance(constant, np.ndarray) and constant.dtype in (np.float32, np.bool_) and constant.ndim > 0


def _is_half(var: Any) -> bool:
    from coremltools.converters.mil.mil import types

    return bool(var.dtype is types.fp16)


class MilGraph:
    """A package as the painting loop sees a graph."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self.inputs = {name: Port(shape=shape, dtype=np.float32) for name, shape in package.inputs.items()}

    def __call__(self, **arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return self._package(**arrays)


@dataclass(frozen=True, kw_only=True)
class MilRuntime:
    """A folder of packages as the painting loop sees a runtime."""

    folder: Path
    fp16: bool = False
    compute_unit: str = "cpu"
    threads: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)

    def has(self, piece: str) -> bool:
        return bool(core_ml_files(self.folder, piece))

    def open(self, piece: str) -> MilGraph:
        (path,) = core_ml_files(self.folder, piece)
        return MilGraph(load(path, fp16=self.fp16))


def painter(folder: Path, *, fp16: bool = False) -> LatentPainter:
    """Open a folder of packages to paint with."""
    return LatentPainter(Description.read(folder), MilRuntime(folder=folder, fp16=fp16), engine="mil")
