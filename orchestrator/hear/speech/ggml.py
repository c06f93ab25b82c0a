"""Check and describe a speech model's file before whisper.cpp reads it.

whisper.cpp crashes on files of another format and does not notice truncated ones. The format is that of its converter,
`models/convert-pt-to-ggml.py`: a header, a mel filter bank, the tokens, then tensors to the end of the file.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import BinaryIO

from orchestrator.errors import AudioToImageError, ModelMissing

MAGIC = 0x67676D6C
FRAME_SECONDS = 0.02  # of audio per position of the audio context
WINDOW_SECONDS = 30.0  # whisper.cpp's step, for any context size
FLASH_STEP = 256  # flash attention reads padding unless the context is a multiple (whisper.cpp pull request 3941)
FIRST_MULTILINGUAL = 51865  # tokens; English-only models have one fewer
MAX_TOKENS = 51866
MIN_TOKENS = 50364  # whisper.cpp hard-codes the special tokens' ids
SMALL_WIDTH = 384  # Whisper tiny's; narrower models are slower with more threads
SMALL_VOCABULARY = 4096  # a model with fewer tokens knows only those words

# ggml type number -> (values per block, bytes per block)
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 30: (1, 2),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SpeechModel:
    """A speech model's dimensions and vocabulary, read from its file."""

    path: Path
    vocabulary: int
    audio_context: int
    width: int
    audio_layers: int
    text_layers: int
    words: tuple[str, ...]  # all the model's words if it has a small vocabulary, else empty

    @property
    def name(self) -> str:
        return self.path.stem.removeprefix("ggml-")

    @property
    def multilingual(self) -> bool:
        return self.vocabulary >= FIRST_MULTILINGUAL

    @property
    def timed(self) -> bool:
        """Whether the model has timestamps; whisper.cpp assumes that one with 2 text layers is distilled without."""
        return self.text_layers != 2 or self.vocabulary == MAX_TOKENS

    @property
    def longest(self) -> float:
        """The longest piece of audio in seconds."""
        return min(WINDOW_SECONDS, self.audio_context * FRAME_SECONDS)

    @property
    def flash_attention(self) -> bool:
        return self.audio_context % FLASH_STEP == 0

    @property
    def end_of_text(self) -> int:
        """The end-of-text token's id; all lower ids are text."""
        return 50257 if self.multilingual else 50256

    def threads(self, wanted: int) -> int:
        """Return the number of threads: `wanted` if not 0, else 1 for very small models and up to 4 for others."""
        cores = os.cpu_count() or 1
        if wanted:
            return min(wanted, cores)
        return 1 if self.width < SMALL_WIDTH else min(4, cores)


def check(path: Path) -> SpeechModel:
    """Read and check a whole model file; raise an error if whisper.cpp cannot run it."""
    try:
        with path.open("rb") as file:
            return _Reader(path, file).model()
    except FileNotFoundError as error:
        raise ModelMissing(f"there is no speech model at {path}", "audio-to-image models list") from error
    except OSError as error:
        raise AudioToImageError(
            f"cannot read the speech model {path}: {error.strerror}", f"ls -l {quote(str(path))}"
        ) from error


class _Reader:
    """Parse one model file."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = path, file
        self.size = path.stat().st_size

    def model(self) -> SpeechModel:
        magic, *header = self.ints(12) if self.size >= 48 else (0,) * 12
        if magic != MAGIC:
            raise self._error("is not a Whisper model in whisper.cpp's format (its first bytes are not 'ggml')")
        vocabulary, audio_context, width, heads, audio_layers, text_context, text_width, *rest = header
        text_heads, text_layers, mels, _ = rest
        sane = (
            MIN_TOKENS <= vocabulary <= MAX_TOKENS
            and all(0 < count <= 1 << 16 for count in (audio_context, text_context, width, mels))
            and all(0 < layers <= 256 for layers in (audio_layers, text_layers))
            and all(each > 0 and width % each == 0 for each in (heads, text_heads))
            and text_width == width
        )
        if not sane:
            raise self._error(f"has an invalid header: {', '.join(map(str, header))}")
        self.skip(4 * math.prod(self.ints(2)))
        tokens = self.tokens()
        if b" " not in tokens:
            raise self._error("has no token for a single space, which whisper.cpp needs")
        self.tensors(11 + 15 * audio_layers + 24 * text_layers)
        return SpeechModel(
            path=self.path,
            vocabulary=vocabulary,
            audio_context=audio_context,
            width=width,
            audio_layers=audio_layers,
            text_layers=text_layers,
            words=_word_tokens(tokens),
        )

    def tokens(self) -> list[bytes]:
        (count,) = self.ints(1)
        if not 0 < count <= MAX_TOKENS:
            raise self._error(f"claims to have {count} tokens")
        return [self.take(self.ints(1)[0]) for _ in range(count)]

    def tensors(self, expected: int) -> None:
        """Skip all tensors; the last must end at the end of the file."""
        found = 0
        while self.file.tell() < self.size:
            dimensions, name_length, kind = self.ints(3)
            if not 1 <= dimensions <= 4 or kind not in BLOCKS:
                raise self._error(f"has a tensor of an unknown type ({dimensions} dimensions, type {kind})")
            shape = self.ints(dimensions)
            name = self.take(name_length).decode(errors="replace")
            values, block_bytes = BLOCKS[kind]
            if min(shape) < 1 or shape[0] % values:
                raise self._error(f"has {name} in a shape that its type does not allow: {shape}")
            self.skip(math.prod(shape) // values * block_bytes)
            found += 1
        if found != expected:
            raise self._error(f"has {found} of {expected} tensors")

    def ints(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}i", self.take(4 * count))

    def take(self, count: int) -> bytes:
        self.need(count)
        return self.file.read(count)

    def skip(self, count: int) -> None:
        self.need(count)
        self.file.seek(count, os.SEEK_CUR)

    def need(self, count: int) -> None:
        missing = count - (self.size - self.file.tell())
        if count < 0 or missing > 0:
            raise self._error(f"ends too early: at least {max(missing, 1):,} bytes are missing")

    def _error(self, what: str) -> AudioToImageError:
        return AudioToImageError(f"the speech model {self.path} {what}", "fetch it again: audio-to-image models get")


def _word_tokens(tokens: list[bytes]) -> tuple[str, ...]:
    if len(tokens) >= SMALL_VOCABULARY:
        return ()
    texts = (token.decode(errors="replace").strip() for token in tokens)
    return tuple(text for text in texts if text and not text.startswith("["))
