"""The record of a fetched model, `NAME.json` beside its folder: its files with their sizes and digests.

The record stays when the model is removed; when it is fetched again it must be the same, bit for bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from shlex import quote

from orchestrator import files, typed
from orchestrator.errors import AudioToImageError

FORMAT = 1
MAX_BYTES = 16 << 20


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a model; its path is relative to the model's folder."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A model as it was fetched."""

    name: str
    repository: str
    commit: str
    licence: str
    fetched: tuple[File, ...]  # as in the repository
    files: tuple[File, ...]  # as on this machine: the same, or converted

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the one file, or of the list of files and their digests."""
        return digest_of(self.files)

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT} | asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Seen:
        """Read a record from untrusted JSON; raise ValueError unless it is one."""
        try:
            record = typed.build(cls, json.loads(text))
            if not all(safe(each.path) and each.size >= 0 for each in record.fetched + record.files):
                raise ValueError("a path leaves its folder")
            return record
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"not a record of a model: {error!r}") from error

    def write(self, folder: Path) -> None:
        files.write_whole(place(folder, self.name), self.to_json().encode())

    @classmethod
    def read(cls, folder: Path, name: str) -> Seen | None:
        """Read the record of a model; return None if there is none."""
        path = place(folder, name)
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise AudioToImageError(f"cannot read {path}: {error.strerror}", f"ls -l {quote(str(path))}") from error
        except ValueError as error:
            raise AudioToImageError(
                f"cannot read {path}: {error}", f"audio-to-image models get --renew {name}"
            ) from error

    def damaged(self, folder: Path) -> tuple[str, ...]:
        """Return the files that are missing or have another size; digests are not compared."""
        return tuple(each.path for each in self.files if size_of(folder / each.path) != each.size)


def place(folder: Path, name: str) -> Path:
    """Return the path of a model's record."""
    return folder / f"{name}.json"


def size_of(path: Path) -> int:
    """Return a file's size, or -1 if there is none."""
    return path.stat().st_size if path.is_file() else -1


def digest_of(listed: tuple[File, ...]) -> str:
    """Return the digest of a model's one file, or of the list of its files."""
    if len(listed) == 1:
        return listed[0].sha256
    lines = sorted(f"{each.sha256}  {each.path}\n" for each in listed)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def look(folder: Path) -> Iterator[File]:
    """Digest every file of a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            yield File(path=name, size=path.stat().st_size, sha256=files.sha256(path))


def safe(name: str) -> bool:
    """Return whether an untrusted file name stays inside the folder it is written to."""
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and ":" not in name and name == path.as_posix()
    return plain and not path.is_absolute() and ".." not in path.parts and name not in ("", ".")
