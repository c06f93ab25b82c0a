"""The denoiser in torch alone, with the structure and the names of diffusers' UNet2DConditionModel.

It predicts the velocity (v-prediction) of noisy latents. Its weights load into `UNet2DConditionModel(**CONFIG)`
unchanged, so a machine that trains needs neither diffusers nor skia.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS, WIDTH, GROUPS, HEADS = (32, 64, 128), 128, 16, 4
CONFIG: dict[str, Any] = {
    "sample_size": 32,
    "in_channels": 12,
    "out_channels": 12,
    "block_out_channels": list(CHANNELS),
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "cross_attention_dim": WIDTH,
    "attention_head_dim": HEADS,  # diffusers' name for the number of heads
    "norm_num_groups": GROUPS,
    "use_linear_projection": True,
}


class Resnet(nn.Module):
    """Two convolutions with the timestep embedding added between them."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, inside), nn.GroupNorm(GROUPS, outside)
        self.conv1, self.conv2 = nn.Conv2d(inside, outside, 3, padding=1), nn.Conv2d(outside, outside, 3, padding=1)
        self.time_emb_proj = nn.Linear(4 * CHANNELS[0], outside)
        self.conv_shortcut = nn.Conv2d(inside, outside, 1) if inside != outside else None

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        inner = self.conv1(functional.silu(self.norm1(x))) + self.time_emb_proj(functional.silu(time))[:, :, None, None]
        inner = self.conv2(functional.silu(self.norm2(inner)))
        return inner + (self.conv_shortcut(x) if self.conv_shortcut is not None else x)


class Attention(nn.Module):
    """Self-attention, or cross-attention to the caption."""

    def __init__(self, width: int, other: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k, self.to_v = nn.Linear(other, width, bias=False), nn.Linear(other, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in (self.to_q(x), self.to_k(other), self.to_v(other))
        )
        # torch's fused attention trains 1.3 times slower on a CPU.
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        return self.to_out[0]((scores.softmax(-1, dtype=scores.dtype) @ v).transpose(1, 2).flatten(2))


class GEGLU(nn.Module):
    """A linear layer whose second half gates the first (Shazeer, 2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * functional.gelu(gate)


class FeedForward(nn.Module):
    """The feed-forward layer of a transformer block; the identity stands for diffusers' dropout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([GEGLU(width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor) -> Tensor:
        return self.net[2](self.net[0](x))


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention and a feed-forward layer, each after its normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn1, self.attn2, self.ff = Attention(width, width), Attention(width, WIDTH), FeedForward(width)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + self.attn1(normed, normed)
        x = x + self.attn2(self.norm2(x), text)
        return x + self.ff(self.norm3(x))


class Transformer(nn.Module):
    """A transformer over the positions of a feature map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width, eps=1e-6)
        self.proj_in, self.proj_out = nn.Linear(width, width), nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width)])

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        rows = self.proj_in(self.norm(x).flatten(2).transpose(1, 2))
        rows = self.proj_out(self.transformer_blocks[0](rows, text))
        return x + rows.transpose(1, 2).unflatten(2, x.shape[2:])


class Resample(nn.Module):
    """Halve (stride 2) or double (stride 1) the resolution of a feature map."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=stride, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x if self.conv.stride[0] == 2 else functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """The resnets of one level, each followed by a transformer if the level has cross-attention."""

    def __init__(self, sizes: list[tuple[int, int]], *, cross_attention: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(*size) for size in sizes])
        self.attentions = nn.ModuleList([Transformer(size[1]) for size in sizes] if cross_attention else [])

    def layer(self, place: int, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        """Return the output of one resnet and its transformer."""
        x = self.resnets[place](x, time)
        return self.attentions[place](x, text) if len(self.attentions) else x


class DownBlock(Level):
    """One layer, then half the resolution; returns the hidden states that the way up needs."""

    def __init__(self, size: tuple[int, int], *, cross_attention: bool, downsample: bool) -> None:
        super().__init__([size], cross_attention=cross_attention)
        self.downsamplers = nn.ModuleList([Resample(size[1], 2)] if downsample else [])

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> list[Tensor]:
        states = [self.layer(0, x, time, text)]
        for downsampler in self.downsamplers:
            states.append(downsampler(states[-1]))
        return states


class UpBlock(Level):
    """Two layers, each with a hidden state of the way down, then twice the resolution."""

    def __init__(self, sizes: list[tuple[int, int]], *, cross_attention: bool, upsample: bool) -> None:
        super().__init__(sizes, cross_attention=cross_attention)
        self.upsamplers = nn.ModuleList([Resample(sizes[-1][1], 1)] if upsample else [])

    def forward(self, x: Tensor, skips: list[Tensor], time: Tensor, text: Tensor) -> Tensor:
        for place, skip in enumerate(skips):
            x = self.layer(place, torch.cat([x, skip], dim=1), time, text)
        for upsampler in self.upsamplers:
            x = upsampler(x)
        return x


class MidBlock(nn.Module):
    """The block of the lowest resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(width, width), Resnet(width, width)])
        self.attentions = nn.ModuleList([Transformer(width)])

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x, time), text), time)


class TimestepEmbedding(nn.Module):
    """Sinusoids of the timestep, and two linear layers."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(inside, outside), nn.Linear(outside, outside)
        self.frequencies = inside // 2

    def forward(self, times: Tensor) -> Tensor:
        rates = torch.exp(-math.log(10_000) * torch.arange(self.frequencies, device=times.device) / self.frequencies)
        angles = times.float()[:, None] * rates
        return self.linear_2(functional.silu(self.linear_1(torch.cat([angles.cos(), angles.sin()], dim=-1))))


class UNet(nn.Module):
    """The whole denoiser."""

    def __init__(self) -> None:
        super().__init__()
        low, middle, high = CHANNELS
        self.conv_in = nn.Conv2d(CONFIG["in_channels"], low, 3, padding=1)
        self.time_embedding = TimestepEmbedding(low, 4 * low)
        self.down_blocks = nn.ModuleList(
            [
                DownBlock((low, low), cross_attention=False, downsample=True),
                DownBlock((low, middle), cross_attention=True, downsample=True),
                DownBlock((middle, high), cross_attention=True, downsample=False),
            ]
        )
        self.mid_block = MidBlock(high)
        self.up_blocks = nn.ModuleList(
            [
                UpBlock([(high + high, high), (high + middle, high)], cross_attention=True, upsample=True),
                UpBlock([(high + middle, middle), (middle + low, middle)], cross_attention=True, upsample=True),
                UpBlock([(middle + low, low), (low + low, low)], cross_attention=False, upsample=False),
            ]
        )
        self.conv_norm_out = nn.GroupNorm(GROUPS, low)
        self.conv_out = nn.Conv2d(low, CONFIG["out_channels"], 3, padding=1)

    def forward(self, x: Tensor, times: Tensor, text: Tensor) -> Tensor:
        time, x = self.time_embedding(times), self.conv_in(x)
        skips = [x]
        for block in self.down_blocks:
            skips += block(skips[-1], time, text)
        x = self.mid_block(skips[-1], time, text)
        for block in self.up_blocks:
            x = block(x, [skips.pop(), skips.pop()], time, text)
        return self.conv_out(functional.silu(self.conv_norm_out(x)))
