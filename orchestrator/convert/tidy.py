"""Remove the arithmetic on shapes from a traced ONNX graph: less to load, and any batch size.

The trace knows every shape because it was made at one size. Only the first dimension may differ later, so each Reshape
can name all the others and leave the first to be inferred.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, ValueInfoProto, numpy_helper


def tidy(model: ModelProto, *, free_batch: bool) -> None:
    """Replace computed shapes by constants, drop unused nodes, and leave the first dimension open on request."""
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
    """Return a static shape; an empty list where it is unknown."""
    sizes = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
    return sizes if all(sizes) else []


def _constant(graph: GraphProto, shape: list[int]) -> str:
    """Return the name of an initializer that holds a shape; add it on first use."""
    name = "shape_" + "_".join(str(size) if size > 0 else "n" for size in shape)
    if not any(tensor.name == name for tensor in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(np.array(shape, dtype=np.int64), name))
    return name


def _prune(graph: GraphProto) -> None:
    """Drop nodes and weights that the outputs do not need."""
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
