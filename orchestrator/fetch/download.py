"""One file of a repository: what is wanted comes in, the file under its own name goes out once it is verified.

Until then it is `NAME.part`, which a later run goes on with.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from orchestrator import files
from orchestrator.catalogue.seen import File, size_of
from orchestrator.fetch import hub
from orchestrator.fetch.hub import HubError, Remote
from orchestrator.fetch.news import Fetching, Told, Waiting

TRIES = 5  # in a row without a new byte
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds between them
LONGEST_PAUSE = 60.0


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file of a repository, and what is known of it; what is empty is not known."""

    model: str
    repository: str
    commit: str
    remote: Remote
    before: int = 0  # bytes of the model's files that come first
    total: int = 0  # bytes of all of them
    sha256: str = ""
    sha1: str = ""

    def progress(self, size: int) -> Fetching:
        return Fetching(model=self.model, file=self.remote.path, done=self.before + size, total=self.total)


def download(wanted: Wanted, target: Path) -> Generator[Told, None, File]:
    """Fetch a file, going on with what an earlier run left; gives back what arrived."""
    if target.is_file():
        arrived = verified(target, wanted)
        if arrived:
            yield wanted.progress(arrived.size)
            return arrived
        _delete(target)
    part = target.with_name(target.name + files.PART)
    resumed = part.exists()
    if not resumed:
        _take_cached(wanted, part)
    yield from _fill(wanted, part)
    if resumed and not verified(part, wanted):  # its beginning was of another file: once more, from the start
        _delete(part)
        yield from _fill(wanted, part)
    arrived = verified(part, wanted)
    if not arrived:
        _delete(part)
        raise HubError(
            f"{wanted.repository} sent something else for {wanted.remote.path}: it does not match its checksum",
            "try later, or another network",
        )
    part.replace(target)
    return arrived


def verified(path: Path, wanted: Wanted) -> File | None:
    """Check a file against everything that is known of it; None where it is another one."""
    remote = wanted.remote
    if size_of(path) != remote.size:
        return None
    sha256 = files.sha256(path)
    known = {each for each in (wanted.sha256, remote.sha256) if each}
    if known - {sha256} or (wanted.sha1 and sha1(path) != wanted.sha1):
        return None
    if not remote.sha256 and remote.blob and sha1(path, b"blob %d\0" % remote.size) != remote.blob:  # git's own form
        return None
    proven = known or wanted.sha1 or remote.blob
    return File(path=remote.path, size=remote.size, sha256=sha256) if proven else None


def _fill(wanted: Wanted, part: Path) -> Generator[Told]:
    """Read until the file has its size, over cuts and refusals that pass."""
    files.make_folder(part.parent)
    part.touch()
    fruitless = 0
    while (size := size_of(part)) < wanted.remote.size:
        seconds, why = None, f"{wanted.repository} cut {wanted.remote.path} short"
        try:
            yield from _read_on(wanted, part, size)
        except HubError as error:
            if not error.again:
                raise
            seconds, why = error.seconds, str(error)
        fruitless = 0 if size_of(part) > size else fruitless + 1
        if fruitless == TRIES:
            raise HubError(why, "audio-to-image models get goes on from here")
        if size_of(part) < wanted.remote.size:
            yield Waiting(model=wanted.model, why=why)
            rest(fruitless, seconds)


def rest(tries: int, seconds: float | None) -> None:
    """Give the hub a moment: as long as it asked for, else longer each time."""
    time.sleep(PAUSES[min(tries, len(PAUSES) - 1)] if seconds is None else min(seconds, LONGEST_PAUSE))


def _read_on(wanted: Wanted, part: Path, start: int) -> Generator[Told]:
    """Read one answer to its end, or to the size that the file should have."""
    with hub.reading(wanted.repository, wanted.commit, wanted.remote.path, start) as (begun, blocks):
        try:
            with part.open("ab" if begun else "wb") as file:
                for block in blocks:
                    file.write(block)
                    yield wanted.progress(file.tell())
                    if file.tell() > wanted.remote.size:
                        break
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if isinstance(error, HubError):
                raise
            raise files.not_written(part, error) from error


def _take_cached(wanted: Wanted, part: Path) -> None:
    """Copy the file where another program has fetched it already."""
    cached = hub.cached(wanted.repository, wanted.commit, wanted.remote.path)
    if not cached:
        return
    files.make_folder(part.parent)
    try:
        shutil.copyfile(cached, part)
    except OSError as error:
        raise files.not_written(part, error) from error


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise files.not_written(path, error) from error


def sha1(path: Path, prefix: bytes = b"") -> str:
    """Digest a file by SHA-1, after a prefix: git's blob ids are made so."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(prefix, usedforsecurity=False)).hexdigest()
