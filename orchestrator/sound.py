"""Sound as numbers: any file ffmpeg reads comes in; 16 kHz mono 16-bit samples go out, a block at a time.

An hour of sound never stands in memory: blocks are read as ffmpeg decodes them and cut into pieces at pauses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # hertz: what Whisper and Silero take
Samples: TypeAlias = NDArray[np.int16]  # one channel


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of a recording, in seconds from its start."""

    start: float
    end: float


def stored(source: Path | str, folder: Path) -> Path:
    """Give the file a recording stands in; standard input ("-") is first written to a new one in the folder."""
    raise NotImplementedError


def read(path: Path) -> Iterator[Samples]:
    """Decode a recording or a video's sound, a block at a time; close the iterator to stop."""
    raise NotImplementedError


def pieces(blocks: Iterable[Samples], longest: float) -> Iterator[Samples]:
    """Cut sound into pieces of at most `longest` seconds, at pauses; joined again they are the same samples."""
    raise NotImplementedError


def level(samples: Samples) -> float:
    """Tell how loud sound is, in decibels below full scale (0 is the loudest, -100 digital silence)."""
    raise NotImplementedError


def wav_header(data_bytes: int) -> bytes:
    """Make the 44 bytes before that many bytes of samples in a WAV file."""
    raise NotImplementedError


def write_wav(path: Path, blocks: Iterable[Samples]) -> float:
    """Write a WAV file, whole or not at all; tell its length in seconds."""
    raise NotImplementedError


def sha256(path: Path) -> str:
    """Digest a recording's file."""
    raise NotImplementedError
