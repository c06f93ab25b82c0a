"""Write the speech model in whisper.cpp's format, with matrices in fp16 or quantised in blocks of 32."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.demo.speech.mel import FFT, Array, filters
from training.demo.speech.model import Whisper

MAGIC = 0x67676D6C
WHISPER_ROWS = 51864  # an English-only model; whisper.cpp hard-codes the special tokens' numbers
END, START, NO_TIMESTAMPS = 50256, 50257, 50362
BLOCK = 32


def to_f32(values: Array) -> bytes:
    """Pack 32-bit floats."""
    return values.astype("<f4").tobytes()


def to_f16(values: Array) -> bytes:
    """Pack 16-bit floats."""
    return values.astype("<f2").tobytes()


def to_q8_0(values: Array) -> bytes:
    """Pack eight bits a weight: blocks of an fp16 scale and 32 signed bytes."""
    blocks = values.astype(np.float32).reshape(-1, BLOCK)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127
    levels = np.rint(np.divide(blocks, scale, where=scale > 0, out=np.zeros_like(blocks)))
    packed = np.empty(len(blocks), dtype=[("scale", "<f2"), ("levels", "i1", BLOCK)])
    packed["scale"], packed["levels"] = scale[:, 0], levels
    return packed.tobytes()


def to_q5_0(values: Array) -> bytes:
    """Pack five bits a weight: blocks of an fp16 scale, 32 high bits, then the low four bits, two weights a byte."""
    blocks = values.astype(np.float32).reshape(-1, BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scale = largest / -16  # the largest weight is exact, at level 0
    steps = np.divide(blocks, scale, where=scale != 0, out=np.zeros_like(blocks))
    levels = np.clip(np.floor(steps + 16.5), 0, 31).astype(np.uint8)
    high = (levels >> 4).astype(np.uint32) << np.arange(BLOCK, dtype=np.uint32)
    low = levels & 15
    packed = np.empty(len(blocks), dtype=[("scale", "<f2"), ("high", "<u4"), ("low", "u1", BLOCK // 2)])
    packed["scale"], packed["high"] = scale[:, 0], np.bitwise_or.reduce(high, axis=1)
    packed["low"] = low[:, : BLOCK // 2] | (low[:, BLOCK // 2 :] << 4)
    return packed.tobytes()


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How matrices are stored."""

    file_type: int  # in the header; quantised files add 1000 times the version of the block layout
    tensor_type: int
    pack: Callable[[Array], bytes]


# No f32: whisper.cpp aborts on such files when it runs on a CPU.
PRECISIONS = {
    "f16": Precision(file_type=1, tensor_type=1, pack=to_f16),
    "q8_0": Precision(file_type=2007, tensor_type=8, pack=to_q8_0),
    "q5_0": Precision(file_type=2008, tensor_type=6, pack=to_q5_0),
}


def whole_embedding(model: Whisper) -> Array:
    """Return Whisper's whole embedding table: every unused token gets the one shared row."""
    rows, vocabulary = model.decoder.token_embedding.weight.detach().numpy(), model.vocabulary
    table = np.repeat(rows[vocabulary.unused][None], WHISPER_ROWS, axis=0)
    table[: len(vocabulary.texts)] = rows[: len(vocabulary.texts)]
    table[END], table[START], table[NO_TIMESTAMPS] = rows[[vocabulary.end, vocabulary.start, vocabulary.no_timestamps]]
    return table


def pack_tensor(name: str, values: Array, precision: Precision) -> bytes:
    """Return a tensor as the file stores it: type, dimensions in reverse, name, data."""
    kind, pack = precision.tensor_type, precision.pack
    if values.ndim == 1 or "positional" in name:
        kind, pack = 0, to_f32
        values = values[:, None] if name.startswith("encoder.conv") else values
    elif values.ndim == 3:
        kind, pack = 1, to_f16
    head = struct.pack("<3i", values.ndim, len(name), kind)
    return head + struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + name.encode() + pack(values)


def file_parts(model: Whisper, precision: Precision) -> Iterator[bytes]:
    """Yield the header, mel filters, tokens and tensors of the file."""
    dims, texts = model.dims, model.vocabulary.texts
    audio = (dims.audio_context, dims.width, dims.heads, dims.audio_layers)
    text = (dims.text_context, dims.width, dims.heads, dims.text_layers)
    yield struct.pack("<12i", MAGIC, WHISPER_ROWS, *audio, *text, dims.mels, precision.file_type)
    yield struct.pack("<2i", dims.mels, FFT // 2 + 1) + to_f32(filters(dims.mels))
    yield struct.pack("<i", len(texts))
    for token in texts:
        yield struct.pack("<I", len(token.encode())) + token.encode()
    for name, value in model.state_dict().items():
        values = whole_embedding(model) if name == "decoder.token_embedding.weight" else value.numpy()
        yield pack_tensor(name, values, precision)


def write(model: Whisper, path: Path, precision: str) -> None:
    """Write the model to a temporary file, then rename it."""
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        file.writelines(file_parts(model, PRECISIONS[precision]))
    partial.replace(path)
