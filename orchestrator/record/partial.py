"""A recording in progress: samples come in; a WAV file that opens at any moment goes out.

It is `NAME.part.wav`, held by a lock, its header made right every half second; finished, it is renamed. One that no
live process holds was left by a killed one, and `recover` finishes it.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from shlex import quote

from orchestrator import files
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.sound import HEADER_BYTES, SAMPLE_BYTES, SAMPLE_RATE, Samples, wav_header

PART = ".part.wav"
STALE = 10.0  # seconds: between a file's making and its lock pass microseconds
HEADER_SAMPLES = SAMPLE_RATE // 2  # between two corrections of the header


class Partial:
    """The file, open and locked."""

    def __init__(self, path: Path) -> None:
        self.final = path
        self.path = path.with_name(path.name.removesuffix(".wav") + PART)
        self.samples = 0
        self._in_header = 0
        files.check_place(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _locked(self.path)
        except OSError as error:
            hint = "choose another place with --output"
            raise AudioToImageError(f"cannot record to {path}: {error.strerror}", hint) from error

    @property
    def seconds(self) -> float:
        return self.samples / SAMPLE_RATE

    def write(self, samples: Samples) -> None:
        """Bring samples to disk at once."""
        try:
            _write(self._file, samples.astype("<i2", copy=False).tobytes())
            self.samples += len(samples)
            if self.samples - self._in_header >= HEADER_SAMPLES:
                self._correct_header()
        except OSError as error:
            self.samples = _samples(self._file)
            what = f"cannot go on recording: {error.strerror}; {self.seconds:.1f} s are kept in {self.final}"
            raise AudioToImageError(what, "make room, then record anew") from error

    def finish(self) -> None:
        """Give the file its final name, or drop it if there is nothing in it."""
        try:
            if self.samples:
                self._correct_header()
                self.path.replace(self.final)
            else:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            what = f"cannot give the recording its name {self.final}: {error.strerror}"
            raise AudioToImageError(what, f"ls {quote(str(self.path))}") from error
        finally:
            os.close(self._file)

    def _correct_header(self) -> None:
        os.pwrite(self._file, wav_header(self.samples * SAMPLE_BYTES), 0)
        self._in_header = self.samples


def recover(folder: Path) -> tuple[Path, ...]:
    """Finish the recordings that a killed program left; those that a live one holds are let be."""
    _sweep(folder)
    found = (_recovered(path) for path in sorted(folder.glob(f"*{PART}")))
    return tuple(path for path in found if path)


def _sweep(folder: Path) -> None:
    """Delete what a killed program had begun to make or to copy, and that nobody holds or has touched for a while."""
    for path in folder.glob(f".*{files.PART}*"):
        with suppress(OSError):  # another one holds it, or was quicker
            file = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - os.fstat(file).st_mtime > STALE:
                    path.unlink()
            finally:
                os.close(file)


def _recovered(path: Path) -> Path | None:
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return None  # renamed a moment ago, or not ours
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        samples = _samples(file)
        if not samples:
            path.unlink()
            return None
        os.pwrite(file, wav_header(samples * SAMPLE_BYTES), 0)
        return path.rename(_free(path))
    except (BlockingIOError, FileNotFoundError):
        return None  # a live process holds it, or another one recovered it first
    finally:
        os.close(file)


def _locked(path: Path) -> int:
    """Make a file that is locked before it bears a name that `recover` looks at."""
    if files.kind(path):
        raise Misuse(
            f"{path} stands in the way: another recording, running or cut short",
            f"mv {quote(str(path))} {quote(str(path.with_stem(f'{path.stem}-kept')))}",
        )
    file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, wav_header(0))
        Path(name).rename(path)  # mkstemp lets nobody else read it: what was said is private
    except OSError:
        os.close(file)
        Path(name).unlink()
        raise
    return file


def _free(path: Path) -> Path:
    stem = path.name.removesuffix(PART)
    names = (path.with_name(f"{stem}{'' if number == 1 else f'-{number}'}.wav") for number in count(1))
    return next(name for name in names if not name.exists())


def _samples(file: int) -> int:
    return max(0, os.fstat(file).st_size - HEADER_BYTES) // SAMPLE_BYTES


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
