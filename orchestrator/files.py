"""Files that are whole or not there, and locks between processes.

Comes in: bytes and a path. Goes out: the file under its final name, or one clear error and no file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import Literal

from orchestrator.errors import AudioToImageError, Misuse

PART = ".part"  # ends the name of whatever is not finished
BLOCK_BYTES = 1 << 20


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, bring it to the disk, then rename it into place."""
    check_place(path)
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.{os.urandom(4).hex()}{PART}")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def kind(path: Path) -> Literal["", "file", "folder", "other"]:
    """Tell what stands at a path that somebody named; nothing where that cannot be seen: pathlib's looks may raise."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # not ours to see, too long a name; a NUL in it
        return ""
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def check_place(path: Path) -> None:
    """Refuse to put a file where something else stands: a rename would do away with a device or a pipe."""
    if kind(path) not in ("", "file"):
        raise Misuse(
            f"{path} is no file that could be replaced", f"choose another place; here is: ls -ld {quote(str(path))}"
        )


def make_folder(path: Path) -> Path:
    """Make a folder and those above it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(path, error) from error
    return path


def sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256(path: Path) -> str:
    """Digest a file, a block at a time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def lock(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold a lock that ends with this process; yields whether it was got, which is always so after waiting."""
    mode = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise not_written(path, error) from error
    try:
        yield _locked(handle, mode)
    finally:
        os.close(handle)


def _locked(handle: int, mode: int) -> bool:
    try:
        fcntl.flock(handle, mode)
    except BlockingIOError:
        return False
    return True


def not_written(path: Path, error: OSError) -> AudioToImageError:
    """Say why something could not be written, and what repairs it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return AudioToImageError(f"the disk is full: cannot write {path}", "free some space, or choose another disk")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return AudioToImageError(f"not allowed to write {path}", f"ls -ld {quote(str(path.parent))}")
    return AudioToImageError(f"cannot write {path}: {error.strerror or error}", f"ls -ld {quote(str(path.parent))}")
