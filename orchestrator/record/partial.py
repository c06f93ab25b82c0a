"""Write a recording to a WAV file that is readable at any moment.

While recording, the file is `NAME.part.wav`, is locked, and gets a correct header every half second; `finish` renames
it. A part file without a lock was left by a killed process, and `recover` finishes it.
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
from orchestrator.recordings import PART
from orchestrator.sound import HEADER_BYTES, SAMPLE_BYTES, SAMPLE_RATE, Samples, wav_header

STALE = 10.0  # seconds: a new file is locked within microseconds
HEADER_SAMPLES = SAMPLE_RATE // 2  # between two updates of the header


class Partial:
    """A recording's open and locked file."""

    def __init__(self, path: Path) -> None:
        self.final = path
        self.path = path.with_name(path.name.removesuffix(".wav") + PART)
        self.samples = 0
        self._in_header = 0
        files.check_place(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _create_locked(self.path)
        except OSError as error:
            hint = "choose another place with --output"
            raise AudioToImageError(f"cannot record to {path}: {error.strerror}", hint) from error

    @property
    def seconds(self) -> float:
        return self.samples / SAMPLE_RATE

    def write(self, samples: Samples) -> None:
        """Append samples to the file at once."""
        try:
            _write(self._file, samples.astype("<i2", copy=False).tobytes())
            self.samples += len(samples)
            if self.samples - self._in_header >= HEADER_SAMPLES:
                self._correct_header()
        except OSError as error:
            self.samples = _count_samples(self._file)
            what = f"cannot continue recording: {error.strerror}; {self.seconds:.1f} s are kept in {self.final}"
            raise AudioToImageError(what, "free some space, then record again") from error

    def finish(self) -> None:
        """Rename the file to its final name, or delete it if it is empty."""
        try:
            if self.samples:
                self._correct_header()
                self.path.replace(self.final)
            else:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            what = f"cannot rename the recording to {self.final}: {error.strerror}"
            raise AudioToImageError(what, f"ls {quote(str(self.path))}") from error
        finally:
            os.close(self._file)

    def _correct_header(self) -> None:
        os.pwrite(self._file, wav_header(self.samples * SAMPLE_BYTES), 0)
        self._in_header = self.samples


def recover(folder: Path) -> tuple[Path, ...]:
    """Finish the recordings that killed processes left in a folder, and return their paths."""
    _delete_leftovers(folder)
    found = (_recover_one(path) for path in sorted(folder.glob(f"*{PART}")))
    return tuple(path for path in found if path)


def _delete_leftovers(folder: Path) -> None:
    """Delete unlocked temporary files of killed processes that have not changed for a while."""
    for path in folder.glob(f".*{files.PART}*"):
        with suppress(OSError):  # locked, or already deleted
            file = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - os.fstat(file).st_mtime > STALE:
                    path.unlink()
            finally:
                os.close(file)


def _recover_one(path: Path) -> Path | None:
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return None  # just renamed, or no permission
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        samples = _count_samples(file)
        if not samples:
            path.unlink()
            return None
        os.pwrite(file, wav_header(samples * SAMPLE_BYTES), 0)
        return path.rename(_free_name(path))
    except (BlockingIOError, FileNotFoundError):
        return None  # still being recorded, or recovered by another process
    finally:
        os.close(file)


def _create_locked(path: Path) -> int:
    """Create a file that is locked before it gets a name that `recover` looks at."""
    if files.kind(path):
        raise Misuse(
            f"{path} is in the way: another recording, running or interrupted",
            f"mv {quote(str(path))} {quote(str(path.with_stem(f'{path.stem}-kept')))}",
        )
    file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, wav_header(0))
        Path(name).rename(path)  # mkstemp makes it readable by its owner only
    except OSError:
        os.close(file)
        Path(name).unlink()
        raise
    return file


def _free_name(path: Path) -> Path:
    stem = path.name.removesuffix(PART)
    names = (path.with_name(f"{stem}{'' if number == 1 else f'-{number}'}.wav") for number in count(1))
    return next(name for name in names if not name.exists())


def _count_samples(file: int) -> int:
    return max(0, os.fstat(file).st_size - HEADER_BYTES) // SAMPLE_BYTES


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
