"""Attention and gates in the form that each format runs fastest, to replace those of diffusers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class FusedAttention(torch.autograd.Function):
    """ONNX Runtime's attention in one node, which never stores the matrix of scores (0.7 GB at 64 x 64 latents).

    OpenVINO supports the same node.
    """

    @staticmethod
    def forward(_: Any, query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        query, key, value = (_split(each, heads) for each in (query, key, value))
        return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)

    @staticmethod
    def symbolic(g: Any, query: Any, key: Any, value: Any, heads: int) -> Any:
        return g.op("com.microsoft::MultiHeadAttention", query, key, value, num_heads_i=heads).setType(query.type())


def plain_attention(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attend with plain matrix products; the query is scaled first, so that half precision does not overflow."""
    query, key, value = (_split(each, heads) for each in (query * (query.shape[-1] // heads) ** -0.5, key, value))
    return (torch.softmax(query @ key.transpose(2, 3), dim=-1) @ value).transpose(1, 2).flatten(2)


def _split(tokens: Tensor, heads: int) -> Tensor:
    """Reshape batch, tokens, width to batch, heads, tokens, width of a head."""
    batch, count, width = tokens.shape
    return tokens.reshape(batch, count, heads, width // heads).transpose(1, 2)


class Processor:
    """The attention processor that diffusers calls for each attention layer of a UNet or an autoencoder."""

    def __init__(self, *, fused: bool) -> None:
        self.attend = FusedAttention.apply if fused else plain_attention

    def __call__(self, layer: Any, hidden: Tensor, encoder_hidden_states: Tensor | None = None, **_: object) -> Tensor:
        """Apply cross-attention to the text, or self-attention without it; an image's pixels are its tokens."""
        tokens = hidden.flatten(2).transpose(1, 2) if hidden.ndim == 4 else hidden
        if layer.group_norm is not None:
            tokens = layer.group_norm(tokens.transpose(1, 2)).transpose(1, 2)
        words = tokens if encoder_hidden_states is None else encoder_hidden_states
        output: Tensor = self.attend(layer.to_q(tokens), layer.to_k(words), layer.to_v(words), layer.heads)
        output = layer.to_out[0](output)
        if hidden.ndim == 4:
            output = output.transpose(1, 2).reshape(hidden.shape)
        if layer.residual_connection:
            output = output + hidden
        return output / layer.rescale_output_factor if layer.rescale_output_factor != 1.0 else output


class Gate(nn.Module):
    """diffusers' GEGLU as two products: splitting the result of one product would copy it."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        value, gate = layer.proj.weight.chunk(2)
        value_bias, gate_bias = layer.proj.bias.chunk(2)
        self.value = _linear(value, value_bias)
        self.gate = _linear(gate, gate_bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the gated value."""
        value: Tensor = self.value(hidden)
        return value * functional.gelu(self.gate(hidden))


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    linear.weight, linear.bias = nn.Parameter(weight), nn.Parameter(bias)
    return linear
