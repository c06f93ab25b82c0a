"""Fetch one file of a repository: it is `NAME.part`, which a later run resumes, until it is verified."""

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
from orchestrator.events import Event, Working
from orchestrator.fetch import hub, progress
from orchestrator.fetch.hub import HubError, Remote

TRIES = 5  # in a row without a new byte
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds between them
LONGEST_PAUSE = 60.0


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file of a repository, and what is known of it; empty means unknown."""

    model: str
    repository: str
    commit: str
    remote: Remote
    before: int = 0  # bytes of the model's files before it
    total: int = 0  # bytes of all of them
    sha256: str = ""
    sha1: str = ""

    def progress(self, size: int) -> Working:
        return Working(what=f"{self.model} {self.remote.path}", done=self.before + size, total=self.total)


def download(wanted: Wanted, target: Path) -> Generator[Event, None, File]:
    """Fetch a file, resuming an earlier run; return the File that arrived."""
    if target.is_file():
        arrived = matching_file(target, wanted)
        if arrived:
            yield wanted.progress(arrived.size)
            return arrived
        files.delete(target)
    part = target.with_name(target.name + files.PART)
    resumed = part.exists()
    if not resumed:
        _take_cached(wanted, part)
    yield from _fill(wanted, part)
    if resumed and not matching_file(part, wanted):  # the earlier run fetched another file: start again
        files.delete(part)
        yield from _fill(wanted, part)
    arrived = matching_file(part, wanted)
    if not arrived:
        files.delete(part)
        raise HubError(
            f"{wanted.remote.path} from {wanted.repository} does not match its checksum",
            "try later, or another network",
        )
    part.replace(target)
    return arrived


def matching_file(path: Path, wanted: Wanted) -> File | None:
    """Check a file against everything known about it; return None if it is another one."""
    remote = wanted.remote
    if size_of(path) != remote.size:
        return None
    sha256 = files.sha256(path)
    known = {each for each in (wanted.sha256, remote.sha256) if each}
    if known - {sha256} or (wanted.sha1 and sha1(path) != wanted.sha1):
        return None
    blob = b"blob %d\0" % remote.size  # git hashes a file after this header
    if not remote.sha256 and remote.blob and sha1(path, blob) != remote.blob:
        return None
    proven = known or wanted.sha1 or remote.blob
    return File(path=remote.path, size=remote.size, sha256=sha256) if proven else None


def _fill(wanted: Wanted, part: Path) -> Generator[Event]:
    """Read until the file is complete, trying again after lost connections and temporary refusals."""
    files.make_folder(part.parent)
    part.touch()
    fruitless = 0
    while (size := size_of(part)) < wanted.remote.size:
        seconds, why = None, f"{wanted.repository} cut {wanted.remote.path} short"
        try:
            yield from _resume(wanted, part, size)
        except HubError as error:
            if not error.again:
                raise
            seconds, why = error.seconds, str(error)
        fruitless = 0 if size_of(part) > size else fruitless + 1
        if fruitless == TRIES:
            raise HubError(why, "run this again: it resumes from here")
        if size_of(part) < wanted.remote.size:
            yield progress.waiting(wanted.model, why)
            pause(fruitless, seconds)


def pause(tries: int, seconds: float | None) -> None:
    """Wait before another try: as long as the hub demands, else longer each time."""
    time.sleep(PAUSES[min(tries, len(PAUSES) - 1)] if seconds is None else min(seconds, LONGEST_PAUSE))


def _resume(wanted: Wanted, part: Path, start: int) -> Generator[Event]:
    """Append one response, up to its end or just past the size that the file should have."""
    with hub.open_file(wanted.repository, wanted.commit, wanted.remote.path, start) as (begun, blocks):
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
            raise files.not_written(part, error) from error


def _take_cached(wanted: Wanted, part: Path) -> None:
    """Copy the file if another program has fetched it already."""
    cached = hub.find_cached(wanted.repository, wanted.commit, wanted.remote.path)
    if not cached:
        return
    files.make_folder(part.parent)
    try:
        shutil.copyfile(cached, part)
    except OSError as error:
        raise files.not_written(part, error) from error


def sha1(path: Path, prefix: bytes = b"") -> str:
    """Return the SHA-1 of a prefix and a file; git makes its blob ids so."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(prefix, usedforsecurity=False)).hexdigest()
