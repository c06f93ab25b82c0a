"""The speech model in torch: Whisper's architecture, small enough to train on one core. One word is one token."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.demo.world import words

BLANK_AUDIO, MUSIC = "[BLANK_AUDIO]", "[MUSIC]"
LONE_SPACE = " "  # whisper.cpp looks this token up to suppress it, and aborts if it is missing


@dataclass(frozen=True, kw_only=True)
class Dims:
    """Whisper's dimensions. whisper.cpp reads padding unless `audio_context` is a multiple of 256."""

    mels: int = 80
    audio_context: int = 512  # frames of 20 ms: 10.24 s
    text_context: int = 96
    width: int = 128
    heads: int = 4
    audio_layers: int = 3
    text_layers: int = 2  # with two, whisper.cpp never predicts timestamps: prompts are [sot, notimestamps]


class Vocabulary:
    """Rows of the embedding: words, then four special rows. All other tokens of Whisper share the last."""

    def __init__(self, texts: list[str] | None = None) -> None:
        self.texts = texts or [LONE_SPACE, *(f" {word}" for word in (BLANK_AUDIO, MUSIC, *words()))]
        self.end, self.start, self.no_timestamps, self.unused = range(len(self.texts), len(self.texts) + 4)
        self.rows = len(self.texts) + 4
        self._ids = {text.strip(): row for row, text in enumerate(self.texts) if text.strip()}

    def encode(self, sentence: str) -> list[int]:
        """Return the rows of a sentence of known words."""
        return [self._ids[word] for word in sentence.split()]

    def decode(self, rows: list[int]) -> str:
        """Return the words of rows, without special ones."""
        return "".join(self.texts[row] for row in rows if row < len(self.texts)).strip()


class Attention(nn.Module):
    """Multi-head attention with Whisper's names; keys have no bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        """Split (batch, length, width) into (batch, heads, length, width of a head)."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor | None, causal: bool = False) -> Tensor:
        query, key, value = self.split(self.query(x)), self.split(self.key(source)), self.split(self.value(source))
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def with_weights(self, x: Tensor, source: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Attend, and return the attention weights too: (batch, heads, words, frames)."""
        query, key, value = self.split(self.query(x)), self.split(self.key(source)), self.split(self.value(source))
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        weights = (scores if mask is None else scores.masked_fill(~mask, -1e4)).softmax(3)
        return self.out((weights @ value).transpose(1, 2).flatten(2)), weights


def mlp(width: int) -> nn.Sequential:
    """Return the feed-forward half of a block; whisper.cpp computes GELU with tanh."""
    return nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))


class EncoderBlock(nn.Module):
    """Self-attention and a feed-forward layer, each after its normalisation."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn, self.attn_ln = Attention(width, heads), nn.LayerNorm(width)
        self.mlp, self.mlp_ln = mlp(width), nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        normed = self.attn_ln(x)
        x = x + self.attn(normed, normed, mask)
        return x + self.mlp(self.mlp_ln(x))


class DecoderBlock(nn.Module):
    """Causal self-attention, cross-attention to the audio, and a feed-forward layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn, self.attn_ln = Attention(width, heads), nn.LayerNorm(width)
        self.cross_attn, self.cross_attn_ln = Attention(width, heads), nn.LayerNorm(width)
        self.mlp, self.mlp_ln = mlp(width), nn.LayerNorm(width)

    def forward(self, x: Tensor, audio: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        normed = self.attn_ln(x)
        x = x + self.attn(normed, normed, None, causal=True)
        attended, weights = self.cross_attn.with_weights(self.cross_attn_ln(x), audio, mask)
        x = x + attended
        return x + self.mlp(self.mlp_ln(x)), weights


def sinusoids(length: int, width: int) -> Tensor:
    """Return the fixed positional embedding of Whisper's encoder."""
    rates = torch.exp(-math.log(10000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Encoder(nn.Module):
    """Log-mel frames (batch, mels, 2 * frames) to hidden states (batch, frames, width)."""

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(dims.mels, dims.width, 3, padding=1)
        self.conv2 = nn.Conv1d(dims.width, dims.width, 3, stride=2, padding=1)
        self.positional_embedding: Tensor
        self.register_buffer("positional_embedding", sinusoids(dims.audio_context, dims.width))
        self.blocks = nn.ModuleList(EncoderBlock(dims.width, dims.heads) for _ in range(dims.audio_layers))
        self.ln_post = nn.LayerNorm(dims.width)

    def forward(self, mel: Tensor, mask: Tensor | None) -> Tensor:
        x = functional.gelu(self.conv1(mel), approximate="tanh")
        x = functional.gelu(self.conv2(x), approximate="tanh").transpose(1, 2)
        x = x + self.positional_embedding[: x.shape[1]]
        for block in self.blocks:
            x = block(x, mask)
        return self.ln_post(x)


class Decoder(nn.Module):
    """Tokens and the encoder's hidden states to logits, and the cross-attention weights of each layer."""

    def __init__(self, dims: Dims, rows: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(rows, dims.width)
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(dims.text_context, dims.width))
        self.blocks = nn.ModuleList(DecoderBlock(dims.width, dims.heads) for _ in range(dims.text_layers))
        self.ln = nn.LayerNorm(dims.width)

    def forward(self, tokens: Tensor, audio: Tensor, mask: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        attention = []
        for block in self.blocks:
            x, weights = block(x, audio, mask)
            attention.append(weights)
        return self.ln(x) @ self.token_embedding.weight.T, attention


class Whisper(nn.Module):
    """The whole model. Masks are (batch, 1, 1, frames), true where there is audio; None means everywhere."""

    def __init__(self, dims: Dims, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.dims, self.vocabulary = dims, vocabulary
        self.encoder, self.decoder = Encoder(dims), Decoder(dims, vocabulary.rows)
        nn.init.normal_(self.decoder.token_embedding.weight, std=0.05)

    @torch.no_grad()
    def greedy(self, mel: Tensor, longest: int = 40) -> str:
        """Return the transcript of one window, decoded as whisper.cpp does at temperature zero."""
        audio = self.encoder(mel[None], None)
        rows = [self.vocabulary.start, self.vocabulary.no_timestamps]
        for position in range(longest):
            logits = self.decoder(torch.tensor([rows]), audio, None)[0][0, -1]
            logits[[self.vocabulary.start, self.vocabulary.no_timestamps, self.vocabulary.unused]] = -torch.inf
            if position == 0:
                logits[[0, self.vocabulary.end]] = -torch.inf
            rows.append(int(logits.argmax()))
            if rows[-1] == self.vocabulary.end:
                break
        return self.vocabulary.decode(rows)
