"""Files written whole or not at all, and locks between processes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import Literal

from orchestrator.errors import AudioToImageError, Misuse

PART = ".part"  # the end of an unfinished file's name
BLOCK_BYTES = 1 << 20
OVERWRITE = "choose another name, or overwrite it with --force"


def write_whole(path: Path, content: bytes, *, staging: Path | None = None, replace: bool = True) -> None:
    """Write a file in the folder `staging` (its own by default), flush it to the disk, then rename it into place.

    With `replace` off, a file that has this name already stays, and the error is Misuse.
    """
    check_place(path)
    part = (staging or path.parent) / f".{path.name[:200]}.{os.getpid()}.{os.urandom(4).hex()}{PART}"
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path) if replace else _rename_new(part, path)
        sync_folder(path.parent)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _rename_new(part: Path, path: Path) -> None:
    """Give a file its name unless another one has it, without a moment in which both could."""
    try:
        os.link(part, path)
    except FileExistsError as error:
        raise Misuse(f"{path} already exists", OVERWRITE) from error
    except OSError:  # a file system without hard links, such as FAT
        if path.exists():
            raise Misuse(f"{path} already exists", OVERWRITE) from None
        part.replace(path)


def kind(path: Path) -> Literal["", "file", "folder", "other"]:
    """Return the path's kind, or "" if it cannot be stat'ed."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # no permission, or too long a name; a NUL in it
        return ""
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def check_place(path: Path) -> None:
    """Raise Misuse unless a file can be put there: a rename would replace a device or a pipe."""
    if kind(path) not in ("", "file"):
        raise Misuse(
            f"{path} is not a file that can be replaced", f"choose another place; ls -ld {quote(str(path))} shows it"
        )


def check_writable(folder: Path) -> None:
    """Raise an error unless files can be written to a folder, which may still have to be made."""
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if kind(there) != "folder":
        raise Misuse(f"{there} is not a folder", f"choose another place; ls -ld {quote(str(there))} shows it")
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise not_written(folder, error) from error


def make_folder(path: Path) -> Path:
    """Make a folder and its parents."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(path, error) from error
    return path


def delete(path: Path) -> None:
    """Delete a file, if it is there."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise not_written(path, error) from error


def sync_folder(folder: Path) -> None:
    """Flush a rename to the disk, where the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def lock(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold a lock until the end of the block or of this process; yield whether it was taken (always, with `wait`)."""
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
    """Make the error for something that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return AudioToImageError(f"the disk is full: cannot write {path}", "free some space, or choose another disk")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return AudioToImageError(f"not allowed to write {path}", f"ls -ld {quote(str(path.parent))}")
    return AudioToImageError(f"cannot write {path}: {error.strerror or error}", f"ls -ld {quote(str(path.parent))}")
