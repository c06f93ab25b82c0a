"""The arithmetic of ML Program operations: a function of tensors for each name, after their specification."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

TYPES = {"fp16": torch.float32, "fp32": torch.float32, "int32": torch.int32, "bool": torch.bool}


def _sizes(array: Any) -> list[int]:
    return [int(size) for size in array]


def _unpack_palette(indices: Any, lut: Tensor, shape: Any) -> Tensor:
    """Look packed indices up in the palette; an index has as many bits as the palette needs, lowest bit first."""
    bits = (len(lut) - 1).bit_length()
    count = int(np.prod(shape))
    stream = np.unpackbits(np.asarray(indices, np.uint8), bitorder="little")[: count * bits].reshape(count, bits)
    which = stream @ (1 << np.arange(bits))
    return lut[torch.from_numpy(which)].reshape(_sizes(shape))


def _cast(x: Tensor, dtype: str) -> Tensor:
    return x.to(TYPES[dtype])  # towards zero, where a whole number is wanted


def _convolve(  # noqa: PLR0917 - as many as the operation has
    x: Tensor, weight: Tensor, strides: Any, pad_type: str, pad: Any, dilations: Any, groups: Any, bias: Any = None
) -> Tensor:
    if pad_type == "custom":
        top, bottom, left, right = _sizes(pad)
        x = functional.pad(x, (left, right, top, bottom))
    elif pad_type != "valid":
        raise NotImplementedError(f"padding {pad_type}")
    return functional.conv2d(x, weight, bias, _sizes(strides), 0, _sizes(dilations), int(groups))


def _pad(x: Tensor, pad: Any, mode: str, constant_val: float) -> Tensor:
    pairs = np.asarray(pad).reshape(-1, 2)[::-1]
    return functional.pad(x, _sizes(pairs.ravel()), mode, constant_val)


def _normalize_layer(x: Tensor, axes: Any, epsilon: float, gamma: Any = None, beta: Any = None) -> Tensor:
    return functional.layer_norm(x, [x.shape[int(axis)] for axis in axes], gamma, beta, float(epsilon))


def _normalize_batch(  # noqa: PLR0917
    x: Tensor, mean: Tensor, variance: Tensor, gamma: Any = None, beta: Any = None, epsilon: float = 1e-5
) -> Tensor:
    return functional.batch_norm(x, mean, variance, gamma, beta, eps=float(epsilon))


def _slice(  # noqa: PLR0917
    x: Tensor, begin: Any, end: Any, begin_mask: Any = None, end_mask: Any = None, squeeze_mask: Any = None
) -> Tensor:
    """Cut out a block; a mask says where the begin or the end is the axis's own, or an axis goes."""
    empty = [False] * x.ndim
    masks = [empty if mask is None else [bool(each) for each in mask] for mask in (begin_mask, end_mask, squeeze_mask)]
    cuts: list[int | slice] = []
    for first, behind, open_begin, open_end, squeeze in zip(_sizes(begin), _sizes(end), *masks, strict=True):
        whole = slice(None if open_begin else first, None if open_end else behind)
        cuts.append(first if squeeze else whole)
    return x[tuple(cuts)]


def _multiply(x: Tensor, y: Tensor, transpose_x: bool, transpose_y: bool) -> Tensor:
    return (x.mT if transpose_x else x) @ (y.mT if transpose_y else y)


def _look_up(x: Tensor, indices: Tensor, axis: int, **_: Any) -> Tensor:
    axis = int(axis)
    found = x.index_select(axis, torch.as_tensor(indices).long().reshape(-1))
    return found.reshape(*x.shape[:axis], *torch.as_tensor(indices).shape, *x.shape[axis + 1 :])


def _upsample(x: Tensor, scale_factor_height: float, scale_factor_width: float) -> Tensor:
    return x.repeat_interleave(int(scale_factor_height), 2).repeat_interleave(int(scale_factor_width), 3)


def _gelu(x: Tensor, mode: str) -> Tensor:
    return functional.gelu(x, approximate={"EXACT": "none", "TANH_APPROXIMATION": "tanh"}[mode])


def _reduce(how: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, axes, keep_dims: how(x, dim=tuple(_sizes(axes)), keepdim=bool(keep_dims))


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "constexpr_lut_to_dense": _unpack_palette,
    "cast": _cast,
    # arithmetic
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "real_div": lambda x, y: x / y,
    "maximum": lambda x, y: torch.maximum(x, torch.as_tensor(y)),
    "greater": lambda x, y: x > y,
    "equal": lambda x, y: x == y,
    "logical_or": lambda x, y: x | y,
    "square": lambda x: x * x,
    "sqrt": lambda x: x.sqrt(),
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "sigmoid": lambda x: x.sigmoid(),
    "silu": lambda x: x * x.sigmoid(),
    "gelu": _gelu,
    "softmax": lambda x, axis: x.softmax(int(axis)),
    # sums over products
    "linear": lambda x, weight, bias=None: functional.linear(x, weight, bias),
    "matmul": _multiply,
    "conv": _convolve,
    "layer_norm": _normalize_layer,
    "batch_norm": _normalize_batch,
    "reduce_mean": _reduce(torch.mean),
    "reduce_sum": _reduce(torch.sum),
    "reduce_max": _reduce(torch.amax),
    "reduce_l2_norm": _reduce(torch.linalg.vector_norm),
    "reduce_argmax": lambda x, axis, keep_dims: x.int().argmax(int(axis), bool(keep_dims)).int(),
    # places
    "reshape": lambda x, shape: x.reshape(_sizes(shape)),
    "transpose": lambda x, perm: x.permute(_sizes(perm)),
    "squeeze": lambda x, axes: x.squeeze(tuple(_sizes(axes))),
    "expand_dims": lambda x, axes: x.reshape(_with_ones(x, _sizes(axes))),
    "concat": lambda values, axis, interleave: torch.cat(values, int(axis)),  # noqa: ARG005
    "slice_by_index": _slice,
    "gather": _look_up,
    "pad": _pad,
    "upsample_nearest_neighbor": _upsample,
}


def _with_ones(x: Tensor, axes: list[int]) -> list[int]:
    rank = x.ndim + len(axes)
    sizes = iter(x.shape)
    ones = {axis % rank for axis in axes}
    return [1 if axis in ones else next(sizes) for axis in range(rank)]
