"""The denoiser, in torch alone, part for part and name for name diffusers' UNet2DConditionModel.

Comes in: noisy latents, times, and the caption's hidden states. Goes out: the velocity (v-prediction). Its weights
load into `UNet2DConditionModel(**CONFIG)` as they are; a machine that trains needs neither diffusers nor a renderer.
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
    "attention_head_dim": HEADS,  # diffusers calls the number of heads so
    "norm_num_groups": GROUPS,
    "use_linear_projection": True,
}


class Resnet(nn.Module):
    """Two convolutions with the time added between them."""

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
    """Attention of the picture to itself or to the caption."""

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
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(
            -1, -2
        )  # torch's fused attention trains 1.3 times slower on a CPU
        return self.to_out[0]((scores.softmax(-1, dtype=scores.dtype) @ v).transpose(1, 2).flatten(2))


class GEGLU(nn.Module):
    """A linear layer, half of which gates the other half."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * functional.gelu(gate)


class FeedForward(nn.Module):
    """The transformer's feed-forward half; the empty middle is where diffusers has its dropout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([GEGLU(width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor) -> Tensor:
        return self.net[2](self.net[0](x))


class Block(nn.Module):
    """One transformer block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn1, self.attn2, self.ff = Attention(width, width), Attention(width, WIDTH), FeedForward(width)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        own = self.norm1(x)
        x = x + self.attn1(own, own)
        x = x + self.attn2(self.norm2(x), text)
        return x + self.ff(self.norm3(x))


class Transformer(nn.Module):
    """A transformer over the places of a feature map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width, eps=1e-6)
        self.proj_in, self.proj_out = nn.Linear(width, width), nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([Block(width)])

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        rows = self.proj_in(self.norm(x).flatten(2).transpose(1, 2))
        rows = self.proj_out(self.transformer_blocks[0](rows, text))
        return x + rows.transpose(1, 2).unflatten(2, x.shape[2:])


class Resample(nn.Module):
    """Halves a feature map, or doubles it."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=stride, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x if self.conv.stride[0] == 2 else functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """One level, down or up: its resnets, each followed by a transformer where the level reads the caption."""

    def __init__(self, sizes: list[tuple[int, int]], reads: bool, sampler: str | None) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(*size) for size in sizes])
        self.attentions = nn.ModuleList([Transformer(size[1]) for size in sizes] if reads else [])
        if sampler:
            self.add_module(sampler, nn.ModuleList([Resample(sizes[-1][1], 2 if sampler == "downsamplers" else 1)]))

    def layer(self, place: int, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        x = self.resnets[place](x, time)
        return self.attentions[place](x, text) if len(self.attentions) else x


class MidBlock(nn.Module):
    """The bottom of the U."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(width, width), Resnet(width, width)])
        self.attentions = nn.ModuleList([Transformer(width)])

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x, time), text), time)


class TimestepEmbedding(nn.Module):
    """The time's sinusoids, and two linear layers."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.linear_1, self.linear_2, self.waves = nn.Linear(inside, outside), nn.Linear(outside, outside), inside // 2

    def forward(self, times: Tensor) -> Tensor:
        pace = torch.exp(-math.log(10_000) * torch.arange(self.waves, device=times.device) / self.waves)
        angles = times.float()[:, None] * pace
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
                Level([(low, low)], False, "downsamplers"),
                Level([(low, middle)], True, "downsamplers"),
                Level([(middle, high)], True, None),
            ]
        )
        self.mid_block = MidBlock(high)
        self.up_blocks = nn.ModuleList(
            [
                Level([(high + high, high), (high + middle, high)], True, "upsamplers"),
                Level([(high + middle, middle), (middle + low, middle)], True, "upsamplers"),
                Level([(middle + low, low), (low + low, low)], False, None),
            ]
        )
        self.conv_norm_out = nn.GroupNorm(GROUPS, low)
        self.conv_out = nn.Conv2d(low, CONFIG["out_channels"], 3, padding=1)

    def forward(self, x: Tensor, times: Tensor, text: Tensor) -> Tensor:
        time, x = self.time_embedding(times), self.conv_in(x)
        kept = [x]
        for level in self.down_blocks:
            x = level.layer(0, x, time, text)
            kept.append(x)
            if hasattr(level, "downsamplers"):
                x = level.downsamplers[0](x)
                kept.append(x)
        x = self.mid_block(x, time, text)
        for level in self.up_blocks:
            for place in range(2):
                x = level.layer(place, torch.cat([x, kept.pop()], dim=1), time, text)
            if hasattr(level, "upsamplers"):
                x = level.upsamplers[0](x)
        return self.conv_out(functional.silu(self.conv_norm_out(x)))
