"""The folder of recordings: the name of each says why it is still there.

    NAME.wav            wanted: made by `record`, or kept with `keep_audio`
    NAME.pending.wav    not painted yet: in use just now, or hearing or painting it has failed or was killed
    NAME.silent.wav     nothing was heard in it; the first command a day later deletes it

What came from standard input has any format and no `.wav`.
"""

from __future__ import annotations

import time
import wave
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestrator import files
from orchestrator.errors import Misuse, NoSpeech, NotThere, Unreadable

PART = ".part.wav"  # the end of the name of a recording in progress
PENDING, SILENT = ".pending", ".silent"
WHY: Mapping[str, str] = {
    "": "you recorded it, or kept it with --keep-audio",
    PENDING: "not painted yet",
    SILENT: "nothing was heard in it; deleted after a day",
}
DAY = 24 * 3600.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A recording that is still there."""

    id: str  # its name without the rest
    path: Path
    made: datetime
    seconds: float | None  # None where it is no WAV file
    why: str


def state(path: Path) -> str:
    """Return "" for a recording that is wanted, PENDING or SILENT."""
    return next((each for each in (PENDING, SILENT) if path.name.removesuffix(".wav").endswith(each)), "")


def named(path: Path, wanted: str) -> Path:
    """Return a recording's path in another state."""
    stem = path.name.removesuffix(".wav")
    end = path.name[len(stem) :]
    return path.with_name(stem.removesuffix(state(path)) + wanted + end)


@contextmanager
def used(path: Path, folder: Path, *, keep: bool) -> Iterator[None]:
    """Delete a recording after success unless it is to be kept; one in which nothing was heard goes a day later.

    Files elsewhere, and recordings that are wanted, stay as they are.
    """
    ours = path.resolve().parent == folder.resolve() and bool(state(path))
    try:
        yield
    except (NoSpeech, Unreadable):
        if ours:
            _rename(path, "" if keep else SILENT)
        raise
    if ours and keep:
        _rename(path, "")
    elif ours:
        path.unlink(missing_ok=True)


def present(folder: Path) -> tuple[Recording, ...]:
    """Return the recordings that are there and are not being recorded, oldest first."""
    found = (path for path in folder.glob("[!.]*") if files.kind(path) == "file" and not path.name.endswith(PART))
    known = (recording for path in found for recording in _recording(path))
    return tuple(sorted(known, key=lambda each: (each.made, each.id)))


def find(folder: Path, wanted: str) -> Recording:
    """Return the only recording whose id has this part; raise NotThere for none and Misuse for several."""
    name = Path(wanted.strip()).name
    there = present(folder)
    found = [each for each in there if name in (each.path.name, each.id)] or [
        each for each in there if name and name in each.id
    ]
    if not found:
        raise NotThere(f"no recording {wanted!r}", "audio-to-image recordings list")
    if len(found) > 1:
        raise Misuse(f"{wanted!r} could be any of: {', '.join(each.id for each in found)}", "type more of it")
    return found[0]


def remove(recordings: Sequence[Recording]) -> None:
    """Delete recordings."""
    for each in recordings:
        try:
            each.path.unlink(missing_ok=True)
        except OSError as error:
            raise files.not_written(each.path, error) from error


def sweep(folder: Path) -> None:
    """Delete recordings in which nothing was heard, a day later."""
    for path in folder.glob(f"[!.]*{SILENT}*"):
        with suppress(OSError):
            if state(path) == SILENT and time.time() - path.stat().st_mtime > DAY:
                path.unlink()


def _recording(path: Path) -> Iterator[Recording]:
    """Yield what is known about a recording, or nothing if it has just been deleted."""
    seconds, id_ = None, named(path, "").name.removesuffix(".wav")
    with suppress(wave.Error, EOFError, OSError), wave.open(str(path)) as file:
        seconds = round(file.getnframes() / file.getframerate(), 1)
    with suppress(OSError):
        made = datetime.fromtimestamp(path.stat().st_mtime)
        yield Recording(id=id_, path=path, made=made, seconds=seconds, why=WHY[state(path)])


def _rename(path: Path, wanted: str) -> None:
    with suppress(OSError):  # already deleted; or it stays as it is
        path.rename(named(path, wanted))
