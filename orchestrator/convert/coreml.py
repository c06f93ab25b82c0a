"""A `Graph` comes in, an `.mlpackage` goes out: computed in halves on macOS 13 or later, palettized if asked.

Apple's names, shapes and types: halves in, singles out, tokens as floats. Text encoder and UNet are palettized; the
autoencoder, whose pixels everybody sees, is not, and neither are tables that are looked up in, not multiplied with.
One palette a weight: palettes for groups of channels would need macOS 15.
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

from orchestrator.convert.graphs import Graph

logging.getLogger("coremltools").setLevel(logging.CRITICAL)  # off a Mac it complains of what only a Mac has
import coremltools as ct  # noqa: E402

NAMES = {
    "text_encoder": "TextEncoder",
    "unet": "Unet",
    "vae_decoder": "VAEDecoder",
    "vae_encoder": "VAEEncoder",
    "safety_checker": "SafetyChecker",
}
PALETTIZED = ("text_encoder", "unet")
LOOKED_UP: dict[str, None] = {"gather": None, "add": None}  # tables of words and places, by what reads them


def write(graph: Graph, folder: Path, *, bits: int | None) -> Iterator[str]:
    """Write a graph into a folder, telling what is done next."""
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
    model.save(str(folder / f"{NAMES[graph.name]}.mlpackage"))


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
    """Tell what halves are too coarse or too short for, a few small results: they are computed in singles.

    Near 1,000 a half is off by a quarter, and so is a wave of the time. The squares that a normalization averages grow
    beyond 65,504 in a trained decoder, whose picture is then black.
    """
    readers = {reader.op_type for output in operation.outputs for reader in output.child_ops}
    averaged = operation.op_type == "reduce_mean" and _maker(operation.x) == "square"
    return averaged or operation.op_type in ("sin", "cos", "square", "sqrt") or bool(readers & {"sin", "cos", "sqrt"})


def _maker(variable: Any) -> str | None:
    return variable.op.op_type if variable.op is not None else None


def _kind(value: torch.Tensor) -> type[np.floating[Any]]:
    """Tokens go in as singles, for Core ML takes no whole numbers there and halves end at 2,048; all else as halves."""
    return np.float16 if value.is_floating_point() else np.float32


def _palettize(model: Any, bits: int) -> Any:
    """Give each weight the 2**bits numbers that k-means finds for it."""
    from coremltools.optimize.coreml import OpPalettizerConfig, OptimizationConfig, palettize_weights

    k_means = OpPalettizerConfig(mode="kmeans", nbits=bits)
    return palettize_weights(model, OptimizationConfig(global_config=k_means, op_type_configs=LOOKED_UP))


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep foreign progress bars, and warnings that shapes become constants (they should), from the person."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
