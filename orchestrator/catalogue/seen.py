"""What was seen when a model arrived, held to ever after: its files come in, `NAME.json` beside them goes out.

The record outlives the model: one that is removed and fetched again must be the same, bit for bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Any

from orchestrator import files
from orchestrator.errors import AudioToImageError

FORMAT = 1
MAX_BYTES = 16 << 20


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a model, by its path inside it."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A model as it arrived."""

    name: str
    repository: str
    commit: str
    licence: str
    fetched: tuple[File, ...]  # as the repository has them
    files: tuple[File, ...]  # as they stand here: the same, or what was made of them

    @property
    def digest(self) -> str:
        """Tell the SHA-256 of the one file, or of the list of files and their digests."""
        return digest_of(self.files)

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT} | asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Seen:
        """Read a record that anyone may have written; raises ValueError unless it is one."""
        try:
            values = json.loads(text)
            texts = {name: _typed(values[name], str) for name in ("name", "repository", "commit", "licence")}
            return cls(**texts, fetched=_files(values["fetched"]), files=_files(values["files"]))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"not a record of a model: {error!r}") from error

    def write(self, folder: Path) -> None:
        files.write_whole(place(folder, self.name), self.to_json().encode())

    @classmethod
    def read(cls, folder: Path, name: str) -> Seen | None:
        """Read the record of a model; None where it never arrived."""
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
        """Name the files that are not there at their size: a look, not a proof."""
        return tuple(each.path for each in self.files if size_of(folder / each.path) != each.size)


def place(folder: Path, name: str) -> Path:
    """Tell where a model's record stands."""
    return folder / f"{name}.json"


def size_of(path: Path) -> int:
    """Tell a file's size; -1 where there is none."""
    return path.stat().st_size if path.is_file() else -1


def digest_of(listed: tuple[File, ...]) -> str:
    """Digest a model: its one file, or the list of its files."""
    if len(listed) == 1:
        return listed[0].sha256
    lines = sorted(f"{each.sha256}  {each.path}\n" for each in listed)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def look(folder: Path) -> Iterator[File]:
    """Read every file of a folder through, one after the other."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            yield File(path=name, size=path.stat().st_size, sha256=files.sha256(path))


def safe(name: str) -> bool:
    """Tell whether a file's name, which somebody else chose, stays inside the folder it is written to."""
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and ":" not in name and name == path.as_posix()
    return plain and not path.is_absolute() and ".." not in path.parts and name not in ("", ".")


def _files(values: Any) -> tuple[File, ...]:
    listed = tuple(
        File(path=_typed(value["path"], str), size=_typed(value["size"], int), sha256=_typed(value["sha256"], str))
        for value in _typed(values, list)
    )
    if not all(safe(each.path) and each.size >= 0 for each in listed):
        raise ValueError("a path leaves its folder")
    return listed


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r:.50} is not {kind.__name__}")
    return value
