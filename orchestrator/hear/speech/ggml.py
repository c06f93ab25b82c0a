"""A speech model's file, before whisper.cpp sees it: a path comes in, a `SpeechModel` or one clear error goes out.

whisper.cpp crashes on a file of another kind and keeps silent about one that was cut short. The layout is that of its
converter, `models/convert-pt-to-ggml.py`: a header, a mel filter bank, the tokens, then tensors until the end.
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
FRAME_SECONDS = 0.02  # of sound in one place of the audio context
WINDOW_SECONDS = 30.0  # whisper.cpp steps by this much, whatever the context
FLASH_STEP = 256  # its flash attention reads padding unless the context is a multiple (whisper.cpp pull request 3941)
FIRST_MULTILINGUAL = 51865  # tokens; English models have one fewer
MOST_TOKENS = 51866
FEWEST_TOKENS = 50364  # the places of the special tokens are built in
SMALL_WIDTH = 384  # of Whisper's tiny; below, threads wait for each other longer than they work
SMALL_VOCABULARY = 4096  # a file with fewer tokens is of a model that knows only those words

# Bytes in a block of so many values, by ggml's number for the type.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 30: (1, 2),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SpeechModel:
    """What a model's file says about the model."""

    path: Path
    vocabulary: int
    audio_context: int
    width: int
    audio_layers: int
    text_layers: int
    words: tuple[str, ...]  # all it knows, where these are few; else none

    @property
    def name(self) -> str:
        return self.path.stem.removeprefix("ggml-")

    @property
    def multilingual(self) -> bool:
        return self.vocabulary >= FIRST_MULTILINGUAL

    @property
    def timed(self) -> bool:
        """Tell whether its times mean anything: whisper.cpp takes two text layers for a distilled model without."""
        return self.text_layers != 2 or self.vocabulary == MOST_TOKENS

    @property
    def longest(self) -> float:
        return min(WINDOW_SECONDS, self.audio_context * FRAME_SECONDS)

    @property
    def flash_attention(self) -> bool:
        return self.audio_context % FLASH_STEP == 0

    @property
    def end_of_text(self) -> int:
        """Tell the token that ends a text: words are the tokens below it."""
        return 50257 if self.multilingual else 50256

    def threads(self, wanted: int) -> int:
        """Choose how many threads to run: what is wanted, else one for tiny models and at most four for others."""
        cores = os.cpu_count() or 1
        if wanted:
            return min(wanted, cores)
        return 1 if self.width < SMALL_WIDTH else min(4, cores)


def check(path: Path) -> SpeechModel:
    """Read what a model's file says, down to its last byte; refuse one that whisper.cpp cannot run."""
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
    """Walks through one model's file."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file = path, file
        self.size = path.stat().st_size

    def model(self) -> SpeechModel:
        magic, *header = self.ints(12) if self.size >= 48 else (0,) * 12
        if magic != MAGIC:
            raise self.fault("is not a Whisper model in whisper.cpp's format (its first bytes are not 'ggml')")
        vocabulary, audio_context, width, heads, audio_layers, text_context, text_width, *rest = header
        text_heads, text_layers, mels, _ = rest
        sane = (
            FEWEST_TOKENS <= vocabulary <= MOST_TOKENS
            and all(0 < count <= 1 << 16 for count in (audio_context, text_context, width, mels))
            and all(0 < layers <= 256 for layers in (audio_layers, text_layers))
            and all(each > 0 and width % each == 0 for each in (heads, text_heads))
            and text_width == width
        )
        if not sane:
            raise self.fault(f"says impossible things about itself: {', '.join(map(str, header))}")
        self.skip(4 * math.prod(self.ints(2)))
        tokens = self.tokens()
        if b" " not in tokens:
            raise self.fault("has no token for a single space, which whisper.cpp needs")
        self.tensors(11 + 15 * audio_layers + 24 * text_layers)
        return SpeechModel(
            path=self.path,
            vocabulary=vocabulary,
            audio_context=audio_context,
            width=width,
            audio_layers=audio_layers,
            text_layers=text_layers,
            words=_words(tokens),
        )

    def tokens(self) -> list[bytes]:
        (count,) = self.ints(1)
        if not 0 < count <= MOST_TOKENS:
            raise self.fault(f"says that it has {count} tokens")
        return [self.take(self.ints(1)[0]) for _ in range(count)]

    def tensors(self, expected: int) -> None:
        """Step over every tensor; the last must end where the file does."""
        found = 0
        while self.file.tell() < self.size:
            dimensions, name_length, kind = self.ints(3)
            if not 1 <= dimensions <= 4 or kind not in BLOCKS:
                raise self.fault(f"holds a tensor of an unknown kind ({dimensions} dimensions, type {kind})")
            shape = self.ints(dimensions)
            name = self.take(name_length).decode(errors="replace")
            values, block_bytes = BLOCKS[kind]
            if min(shape) < 1 or shape[0] % values:
                raise self.fault(f"holds {name} in a shape that its type does not allow: {shape}")
            self.skip(math.prod(shape) // values * block_bytes)
            found += 1
        if found != expected:
            raise self.fault(f"holds {found} of {expected} tensors")

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
            raise self.fault(f"ends too early: at least {max(missing, 1):,} bytes are missing")

    def fault(self, words: str) -> AudioToImageError:
        return AudioToImageError(f"the speech model {self.path} {words}", "fetch it again: audio-to-image models get")


def _words(tokens: list[bytes]) -> tuple[str, ...]:
    if len(tokens) >= SMALL_VOCABULARY:
        return ()
    texts = (token.decode(errors="replace").strip() for token in tokens)
    return tuple(text for text in texts if text and not text.startswith("["))
