"""A Whisper model for tests that says given words, as sure as asked, whatever it hears: real whisper.cpp runs it.

Every block passes its input on unchanged, so the decoder's last state is the embedding of the place in the text; each
place points in the direction of the token that is to stand next.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WIDTH, MELS, BINS = 64, 80, 201
LOUD = 100.0  # length of a place's embedding; a token's own is negligible beside it
SPIKE = (1 - 1 / WIDTH) / math.sqrt(1 / WIDTH - 1 / WIDTH**2)  # one coordinate after the norm of a one-hot vector
TIME_STEP = 0.02  # seconds between two tokens of time
F32, F16 = 0, 1


@dataclass(frozen=True, kw_only=True)
class Parrot:
    """What to say, and the shape of the model that says it."""

    words: tuple[str, ...]
    sure: float = 0.95  # probability of each word
    language: str = ""  # a multilingual model that finds this one of en, zh, de
    span: tuple[float, float] | None = None  # seconds from and to which the words are said; none: no times
    audio_context: int = 512
    text_context: int = 96

    @property
    def shift(self) -> int:
        return 1 if self.language else 0

    @property
    def vocabulary(self) -> int:
        return 51864 + self.shift

    @property
    def text_layers(self) -> int:
        return 3 if self.span else 2  # whisper.cpp takes two for a model without times

    def script(self) -> list[int]:
        """Give the token to stand at each place."""
        tokens = [1 + list(dict.fromkeys(self.words)).index(word) for word in self.words]
        prompt = [0] * (0 if self.span else 1)  # what follows the first token is given, not said
        if self.language:
            prompt = [50259 + ("en", "zh", "de").index(self.language), 0, *prompt]
        if self.span:
            first, last = (50363 + self.shift + round(each / TIME_STEP) for each in self.span)
            tokens = [first, *tokens, last]
        script = [*prompt, *tokens][: self.text_context]
        return script + [50256 + self.shift] * (self.text_context - len(script))

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        script = self.script()
        direction = {token: index for index, token in enumerate(dict.fromkeys(script))}
        places, embedding = np.zeros((self.text_context, WIDTH)), np.zeros((self.vocabulary, WIDTH))
        strength = math.log(self.vocabulary * self.sure / (1 - self.sure)) / SPIKE
        for place, token in enumerate(script):
            places[place, direction[token]] = LOUD
            embedding[token, direction[token]] = strength
        yield "encoder.positional_embedding", np.zeros((self.audio_context, WIDTH))
        for number, inputs in ((1, MELS), (2, WIDTH)):
            yield f"encoder.conv{number}.weight", np.zeros((WIDTH, inputs, 3))
            yield f"encoder.conv{number}.bias", np.zeros((WIDTH, 1))
        yield from _blocks("encoder", 1, ("attn",))
        yield from _norm("encoder.ln_post", 1.0)
        yield "decoder.positional_embedding", places
        yield "decoder.token_embedding.weight", embedding
        yield from _blocks("decoder", self.text_layers, ("attn", "cross_attn"))
        yield from _norm("decoder.ln", 1.0)

    def write(self, path: Path) -> Path:
        """Write the model in whisper.cpp's format."""
        audio = (self.audio_context, WIDTH, 2, 1)
        text = (self.text_context, WIDTH, 2, self.text_layers)
        texts = [b" ", *(f" {word}".encode() for word in dict.fromkeys(self.words))]
        with path.open("wb") as file:
            file.write(struct.pack("<12i", 0x67676D6C, self.vocabulary, *audio, *text, MELS, F16))
            file.write(struct.pack("<2i", MELS, BINS) + bytes(4 * MELS * BINS))
            file.write(struct.pack("<i", len(texts)))
            file.writelines(struct.pack("<I", len(each)) + each for each in texts)
            file.writelines(_packed(name, values) for name, values in self.tensors())
        return path


def _norm(name: str, weight: float) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{name}.weight", np.full(WIDTH, weight)
    yield f"{name}.bias", np.zeros(WIDTH)


def _blocks(side: str, count: int, attentions: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
    for block in (f"{side}.blocks.{index}" for index in range(count)):
        for attention in attentions:
            for part in ("query", "key", "value", "out"):
                yield f"{block}.{attention}.{part}.weight", np.zeros((WIDTH, WIDTH))
                if part != "key":
                    yield f"{block}.{attention}.{part}.bias", np.zeros(WIDTH)
            yield from _norm(f"{block}.{attention}_ln", 0.0)
        for number, (rows, columns) in enumerate(((4 * WIDTH, WIDTH), (WIDTH, 4 * WIDTH))):
            yield f"{block}.mlp.{2 * number}.weight", np.zeros((rows, columns))
            yield f"{block}.mlp.{2 * number}.bias", np.zeros(rows)
        yield from _norm(f"{block}.mlp_ln", 0.0)


def _packed(name: str, values: np.ndarray) -> bytes:
    exact = values.ndim == 1 or values.shape[1] == 1 or "positional" in name
    data = values.astype("<f4" if exact else "<f2").tobytes()
    head = struct.pack("<3i", values.ndim, len(name), F32 if exact else F16)
    return head + struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + name.encode() + data
