"""Write a `Graph` as an `.onnx` file, its weights stored in fp16 and used in fp32.

ONNX Runtime widens the weights once, when it loads the file: half the size on disk at the same speed.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from orchestrator.convert.graphs import Graph
from orchestrator.convert.tidy import tidy

OPSET = 20
FUSED_DOMAIN = "com.microsoft"
SMALL = (
    4096  # numbers; shorter weights (norms, biases) stay fp32: they take little room, and rounding them costs accuracy
)
LARGE = 1 << 30  # bytes; a protocol buffer ends at 2 GiB, so the weights of larger graphs are in a file beside them
HALF_MOST = float(np.finfo(np.float16).max)


def write(graph: Graph, folder: Path, *, weights: str) -> Iterator[str]:
    """Write a graph into a folder; yield what is done next."""
    yield "exporting the graph"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        exported = _export(graph, Path(scratch))
        yield f"writing {weights} weights"
        model = onnx.load(exported, load_external_data=False)
        tidy(model, free_batch=graph.batched)
        casts = [
            cast for tensor in model.graph.initializer for cast in _store(tensor, scratch, halve=weights == "fp16")
        ]
    _put_first(model, casts)
    large = sum(len(tensor.raw_data) for tensor in model.graph.initializer) > LARGE
    name = f"{graph.name}.onnx"
    onnx.save_model(model, folder / name, save_as_external_data=large, location=f"{name}.data", size_threshold=SMALL)
    if large:  # onnx makes it readable for its owner only
        (folder / f"{name}.data").chmod((folder / name).stat().st_mode)


def _export(graph: Graph, folder: Path) -> Path:
    """Export with torch's older exporter, the one that keeps a fused node under its own name."""
    target = folder / f"{graph.name}.onnx"
    fused = any(hasattr(layer, "set_processor") for layer in graph.module.modules())
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns that shapes become constants, which is intended
        torch.onnx.export(
            graph.module,
            tuple(graph.inputs.values()),
            str(target),  # a Path would forbid weights beside the graph, which those beyond 2 GiB need
            dynamo=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            custom_opsets={FUSED_DOMAIN: 1} if fused else None,
        )
    return target


def _store(tensor: TensorProto, folder: str, *, halve: bool) -> Iterator[NodeProto]:
    """Put a weight into the model, as fp16 where that saves space; yield the node that widens it."""
    values = numpy_helper.to_array(tensor, base_dir=folder)
    name = tensor.name
    if halve and values.dtype == np.float32 and values.size >= SMALL and float(np.abs(values).max()) <= HALF_MOST:
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        yield helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.widen", to=TensorProto.FLOAT)
    else:
        tensor.CopyFrom(numpy_helper.from_array(values, name))


def _put_first(model: ModelProto, nodes: list[NodeProto]) -> None:
    """Put nodes before all others: a graph is evaluated in order."""
    nodes.extend(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
