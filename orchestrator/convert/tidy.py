"""A traced ONNX graph comes in; it goes out without arithmetic on shapes: less to load, and free in its batch.

The trace knows every shape, for it was made at one size. Only the first dimension may differ later, so each reshaping
can name all the others and leave the first to be worked out.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, ValueInfoProto, numpy_helper


def tidy(model: ModelProto, *, free_batch: bool) -> None:
    """Replace computed shapes by constants, drop what then feeds nothing, and free the first dimension if asked."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {value.name: _shape(value) for value in (*inferred.value_info, *inferred.input, *inferred.output)}
    for node in model.graph.node:
        known = shapes.get(node.output[0])
        if node.op_type == "Reshape" and known:
            node.input[1] = _constant(model.graph, [-1, *known[1:]])
        elif node.op_type == "Expand" and known and known == shapes.get(node.input[0]):
            node.op_type = "Identity"
            del node.input[1:]
    _prune(model.graph)
    del model.graph.value_info[:]
    if free_batch:
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = "batch"


def _shape(value: ValueInfoProto) -> list[int]:
    """Read a static shape; an unknown one is empty."""
    sizes = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
    return sizes if all(sizes) else []


def _constant(graph: GraphProto, shape: list[int]) -> str:
    """Name an initializer that holds a shape, making it on its first use."""
    name = "shape_" + "_".join(str(size) if size > 0 else "n" for size in shape)
    if not any(tensor.name == name for tensor in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(np.array(shape, dtype=np.int64), name))
    return name


def _prune(graph: GraphProto) -> None:
    """Keep what the outputs need."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(weights)
