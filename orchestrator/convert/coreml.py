"""Write a `Graph` as an `.mlpackage`: computed in fp16 on macOS 13 or later, palettized on request.

Names, shapes and types are Apple's: fp16 in, fp32 out, tokens as floats. Text encoder and UNet are palettized; the
autoencoder is not, because its errors are visible pixels, and neither are tables that are looked up in, not multiplied
with. One palette for each weight: palettes for groups of channels would need macOS 15.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import torch

from orchestrator.catalogue.layout import CORE_ML_NAMES, TEXT_ENCODER, UNET
from orchestrator.convert.graphs import Graph

logging.getLogger("coremltools").setLevel(
    logging.CRITICAL
)  # elsewhere than on a Mac it complains about missing Mac libraries
import coremltools as ct  # noqa: E402

PALETTIZED = (TEXT_ENCODER, UNET)
LOOKED_UP: dict[str, None] = {"gather": None, "add": None}  # tables of tokens and positions, by what reads them


def write(graph: Graph, folder: Path, *, bits: int | None) -> Iterator[str]:
    """Write a graph into a folder; yield what is done next."""
    yield "tracing"
    with _quietly(), torch.no_grad():
        inputs = tuple(graph.inputs.values())
        traced = torch.jit.trace(graph.module, inputs, check_trace=False)  # type: ignore[no-untyped-call]
    yield "converting"
    with _quietly():
        model = _convert(traced, graph)
    if bits is not None and graph.name in PALETTIZED:
        yield f"palettizing to {bits} bits"
        with _quietly():
            model = _palettize(model, bits)
    yield "writing the package"
    model.save(str(folder / f"{CORE_ML_NAMES[graph.name]}.mlpackage"))


def _convert(traced: Any, graph: Graph) -> Any:
    inputs = [ct.TensorType(name=name, shape=value.shape, dtype=_kind(value)) for name, value in graph.inputs.items()]
    return ct.convert(
        traced,
        inputs=inputs,
        outputs=[ct.TensorType(name=name, dtype=np.float32) for name in graph.outputs],
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.macOS13,
        compute_precision=ct.transform.FP16ComputePrecision(lambda operation: not _delicate(operation)),
        skip_model_load=True,
    )


def _delicate(operation: Any) -> bool:
    """Return True for operations whose precision or range fp16 lacks: a few small results, computed in fp32.

    Near 1,000 an fp16 number is off by up to a quarter, and so would be the sines of the timestep. The squares that a
    normalization averages exceed 65,504 in a trained decoder, whose picture would then be black.
    """
    readers = {reader.op_type for output in operation.outputs for reader in output.child_ops}
    averaged = operation.op_type == "reduce_mean" and _maker(operation.x) == "square"
    return averaged or operation.op_type in ("sin", "cos", "square", "sqrt") or bool(readers & {"sin", "cos", "sqrt"})


def _maker(variable: Any) -> str | None:
    return variable.op.op_type if variable.op is not None else None


def _kind(value: torch.Tensor) -> type[np.floating[Any]]:
    """Return fp32 for tokens (Core ML takes no integers here, and fp16 is exact only up to 2,048), else fp16."""
    return np.float16 if value.is_floating_point() else np.float32


def _palettize(model: Any, bits: int) -> Any:
    """Replace each weight by indices into the 2**bits numbers that k-means finds for it."""
    from coremltools.optimize.coreml import OpPalettizerConfig, OptimizationConfig, palettize_weights

    k_means = OpPalettizerConfig(mode="kmeans", nbits=bits)
    return palettize_weights(model, OptimizationConfig(global_config=k_means, op_type_configs=LOOKED_UP))


@contextmanager
def _quietly() -> Iterator[None]:
    """Hide coremltools' progress bars, and its warnings that shapes become constants, which is intended."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
