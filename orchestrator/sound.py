"""Sound as samples: decode any file that ffmpeg reads to 16 kHz mono 16-bit, and write WAV files.

Long recordings are never held in memory whole: ffmpeg decodes them in blocks, which are cut into pieces at pauses.
"""

from __future__ import annotations

import codecs
import io
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from orchestrator import shell
from orchestrator.errors import AudioToImageError, Misuse, NoSpeech, Unreadable
from orchestrator.files import PART, check_place, kind, lock

if TYPE_CHECKING:
    from typing import BinaryIO

SAMPLE_RATE = 16_000  # hertz, of recordings; what Whisper and Silero expect
SAMPLE_BYTES = 2
SILENCE_LEVEL = -100.0  # decibels; stands for digital silence
FRAME_SECONDS = 0.02  # the resolution of the search for pauses
PAUSE_FRAMES = 15  # 0.3 s: a pause between sentences, longer than the closure of a "t"

# Playlists begin like this. ffmpeg opens the files they name, so a client of `serve` could read this machine's files.
PLAYLISTS = (b"#EXTM3U", b"ffconcat version", b"<")

Samples: TypeAlias = NDArray[np.int16]  # one channel


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of a recording, in seconds from its start."""

    start: float
    end: float


def as_file(source: Path | str, folder: Path) -> Path:
    """Return a recording's file; copy standard input ("-") or a pipe to a file in `folder` first."""
    path = Path(source)
    if source == "-":
        return _copied(sys.stdin.buffer if sys.stdin else io.BytesIO(), folder)
    if kind(path) == "other":
        with path.open("rb") as pipe:
            return _copied(pipe, folder)
    check(path)
    return path


def read(path: Path, sample_rate: int = SAMPLE_RATE) -> Iterator[Samples]:
    """Decode a recording or a video's sound in blocks; close the iterator to stop."""
    check(path)
    return _decoded(path, sample_rate)


def ffmpeg_arguments(source: str, *, live: bool = False, sample_rate: int = SAMPLE_RATE, **options: str) -> list[str]:
    """Return the command that decodes a source's first sound stream to raw samples on stdout, unbuffered if `live`."""
    import ffmpeg

    stream = ffmpeg.input("source", **options)["a:0"]
    at_once = {"flush_packets": 1} if live else {}
    wanted = stream.output("pipe:1", format="s16le", acodec="pcm_s16le", ac=1, ar=sample_rate, **at_once)
    command: list[str] = wanted.compile(cmd=[shell.ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error"])
    command[command.index("-i") + 1] = source  # ffmpeg-python cannot take a file's name that is not UTF-8
    return command


def whole_samples(chunks: Iterable[bytes]) -> Iterator[Samples]:
    """Convert bytes to samples; a sample may be split between chunks, and an empty chunk gives an empty block."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - len(data) % SAMPLE_BYTES
        rest = data[whole:]
        yield np.frombuffer(data[:whole], dtype="<i2").astype(np.int16, copy=False)


def pieces(blocks: Iterable[Samples], longest: float, sample_rate: int = SAMPLE_RATE) -> Iterator[Samples]:
    """Cut sound at pauses into pieces of at most `longest` seconds, without losing a sample."""
    most = int(longest * sample_rate)
    held: Samples = np.empty(0, dtype=np.int16)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) > most:
            cut = _quietest(held[:most], sample_rate)
            yield held[:cut]
            held = held[cut:]
    if len(held):
        yield held


def level(samples: Samples) -> float:
    """Return the level of samples in decibels relative to full scale: 0 is the loudest, -100 is digital silence."""
    if not len(samples):
        return SILENCE_LEVEL
    power = float(np.mean(np.square(samples, dtype=np.float64))) / 32768.0**2
    return max(SILENCE_LEVEL, 10.0 * float(np.log10(max(power, 1e-10))))


def wav_header(data_bytes: int) -> bytes:
    """Return the 44-byte header of a WAV file with that many bytes of samples."""
    most = 2**32 - 1 - 36  # sizes have 32 bits; readers take the largest one as "until the end"
    size = min(data_bytes, most)
    form = struct.pack("<IHHIIHH", 16, 1, 1, SAMPLE_RATE, SAMPLE_RATE * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
    return b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + form + b"data" + struct.pack("<I", size)


HEADER_BYTES = len(wav_header(0))


def write_wav(path: Path, blocks: Iterable[Samples]) -> float:
    """Write a WAV file, whole or not at all; return its length in seconds."""
    size = 0
    check_place(path)
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            file.write(wav_header(0))
            for block in blocks:
                size += file.write(block.astype("<i2", copy=False).tobytes())
            file.seek(0)
            file.write(wav_header(size))
        partial.replace(path)
    except OSError as error:
        raise AudioToImageError(
            f"cannot write {path}: {error.strerror}", "choose another place with --output"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return size / SAMPLE_BYTES / SAMPLE_RATE


def _copied(stream: BinaryIO, folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".stdin-", suffix=PART, delete=False) as file:
            part = Path(file.name)
            path = part.with_name(part.name.removeprefix(".").removesuffix(PART))
            try:
                with lock(part):  # a file without a lock may be deleted as a leftover
                    shutil.copyfileobj(stream, file)
                    file.flush()
                    part.rename(path)
            except BaseException:
                part.unlink()
                raise
    except OSError as error:
        raise AudioToImageError(
            f"cannot store the recording in {folder}: {error.strerror}", f"df {quote(str(folder))}"
        ) from error
    if path.stat().st_size == 0:
        path.unlink()
        raise Misuse("nothing came on standard input", "audio-to-image picture - < speech.wav")
    return path


def check(path: Path) -> None:
    """Raise an error for what cannot be a recording; ffmpeg's own message would be misleading."""
    hint = "name a sound or video file; `audio-to-image record` makes one"
    try:
        if path.is_dir():
            raise Misuse(f"{path} is a folder, not a recording", hint)
        with path.open("rb") as file:
            beginning = file.read(64).removeprefix(codecs.BOM_UTF8).lstrip() if path.is_file() else b""
        if path.is_file() and path.stat().st_size == 0:
            raise Unreadable(f"{path} is an empty file", hint)
        if beginning.startswith(PLAYLISTS):
            raise Unreadable(f"{path} is a list of files, not a recording", "name one of the files it lists")
    except FileNotFoundError as error:
        raise Misuse(f"there is no file {path}", hint) from error
    except PermissionError as error:
        raise Misuse(f"not allowed to read {path}", f"ls -l {quote(str(path))}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise Misuse(f"cannot read {path}: {error}", hint) from error


def _decoded(path: Path, sample_rate: int) -> Iterator[Samples]:
    # Otherwise a playlist renamed to .wav would make ffmpeg fetch what it names.
    arguments = ffmpeg_arguments(f"file:{path}", sample_rate=sample_rate, protocol_whitelist="file")
    process = shell.start(arguments)
    count = 0
    try:
        output = shell.Output(process)
        for block in whole_samples(output):
            count += len(block)
            yield block
        code = process.wait()
    finally:
        shell.stop(process)
    if code != 0:
        raise _undecodable(path, count / sample_rate, output.complaints)
    if count == 0:
        raise NoSpeech(f"{path} holds no sound: it is 0 seconds long", "audio-to-image record")


def _undecodable(path: Path, seconds: float, complaints: bytes) -> AudioToImageError:
    words = complaints.decode(errors="replace").strip()
    if "matches no streams" in words:
        return Unreadable(f"{path} has no sound in it, only pictures or data", "name a file with sound")
    if "Invalid data" in words and not seconds:
        return Unreadable(f"{path} is not a sound file that ffmpeg can read", f"file {quote(str(path))}")
    last: Sequence[str] = words.splitlines()[-1:]
    where = f" after {seconds:.1f} s" if seconds else ""
    return Unreadable(
        f"ffmpeg failed on {path}{where}: {''.join(last) or 'it gave no reason'}", f"file {quote(str(path))}"
    )


def _quietest(samples: Samples, sample_rate: int) -> int:
    """Return where to cut: the middle of the quietest 0.3 s in the second half; the last one if several are equal."""
    frame = int(sample_rate * FRAME_SECONDS)
    count = len(samples) // frame
    if count < 2 * PAUSE_FRAMES:
        return len(samples)
    energy = np.square(samples[: count * frame], dtype=np.float64).reshape(count, frame).sum(axis=1)
    first = count // 2
    sums = np.convolve(energy[first:], np.ones(PAUSE_FRAMES), mode="valid")
    latest = len(sums) - 1 - int(np.argmin(sums[::-1]))
    return (first + latest + PAUSE_FRAMES // 2) * frame
