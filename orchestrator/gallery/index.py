"""The gallery's index: rows about picture files, in SQLite, remade from the files whenever that is needed.

Comes in: file names and recipes. Goes out: rows, newest first, by id, by the words in them.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from orchestrator import files
from orchestrator.errors import AudioToImageError
from orchestrator.recipe import NotARecipe, Recipe

Refused = sqlite3.OperationalError  # the disk is full or fails, or another holds the index too long
FILE_NAME = "index.sqlite"
REBUILD = "audio-to-image gallery rebuild"
MIGRATIONS = (  # each brings `user_version` up by one
    """
    CREATE TABLE pictures (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, made TEXT NOT NULL, recipe TEXT NOT NULL);
    CREATE INDEX newest ON pictures (made, name);
    CREATE VIRTUAL TABLE words USING fts5(prompt, transcript, tokenize = 'unicode61 remove_diacritics 2');
    """,
)
NEWEST = "ORDER BY made DESC, name DESC LIMIT ?"
OLDER = "(? = '' OR (made, name) < (SELECT made, name FROM pictures WHERE name = ?))"
BUSY_SECONDS = 60.0
# Scripts written without spaces: each character is a word, or nothing inside a sentence would be found.
UNSPACED = re.compile(r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the index knows of one file."""

    name: str
    recipe: Recipe


class Index:
    """An open index; made by `opened`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def names(self) -> set[str]:
        """Tell which files have a row."""
        return {name for (name,) in self._database.execute("SELECT name FROM pictures")}

    def add(self, name: str, recipe: Recipe) -> bool:
        """Add a row; false where the picture has one already."""
        with self._writing():
            added = self._database.execute(
                "INSERT OR IGNORE INTO pictures (id, name, made, recipe) VALUES (?, ?, ?, ?)",
                (recipe.id, name, recipe.made, recipe.to_json()),
            )
            if not added.rowcount:
                return False
            words = (added.lastrowid, _spaced(recipe.prompt), _spaced(recipe.transcript))
            self._database.execute("INSERT INTO words (rowid, prompt, transcript) VALUES (?, ?, ?)", words)
            return True

    def drop(self, name: str) -> None:
        """Take a row out."""
        with self._writing():
            self._database.execute(
                "DELETE FROM words WHERE rowid IN (SELECT rowid FROM pictures WHERE name = ?)", [name]
            )
            self._database.execute("DELETE FROM pictures WHERE name = ?", [name])

    def newest(self, limit: int | None, before: str = "") -> tuple[Row, ...]:
        """Give the rows, newest first; those older than the row of a file."""
        return self._rows(f"WHERE {OLDER} {NEWEST}", before, before, -1 if limit is None else limit)

    def search(self, words: str, limit: int | None, before: str = "") -> tuple[Row, ...]:
        """Give the rows that have all these words, or words that begin so; those older than the row of a file."""
        phrases = [f'"{_spaced(word)}"*' for word in words.replace('"', " ").replace("\0", " ").split()]
        if not phrases:
            return self.newest(limit, before)
        where = f"WHERE rowid IN (SELECT rowid FROM words WHERE words MATCH ?) AND {OLDER} {NEWEST}"  # noqa: S608
        return self._rows(where, " ".join(phrases), before, before, -1 if limit is None else limit)

    def beginning(self, start: str) -> tuple[Row, ...]:
        """Give the rows whose id begins so."""
        return self._rows("WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 10", len(start), start)

    def named(self, name: str) -> tuple[Row, ...]:
        """Give the row of a file."""
        return self._rows("WHERE name = ?", name)

    def _rows(self, clause: str, *values: str | int) -> tuple[Row, ...]:
        known = [_encodable(value) if isinstance(value, str) else value for value in values]
        found = self._database.execute(f"SELECT name, recipe FROM pictures {clause}", known)  # noqa: S608 (our own clauses)
        return tuple(Row(name=name, recipe=Recipe.from_json(recipe)) for name, recipe in found)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Take the write lock at once: a reader that turns writer is refused instead of made to wait."""
        if self._database.in_transaction:
            yield
            return
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:
            yield

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make many changes one."""
        with self._writing():
            yield


@contextmanager
def opened(folder: Path) -> Iterator[Index]:
    """Open the index of a folder of pictures; whatever SQLite then says becomes one clear error."""
    path = folder / FILE_NAME
    try:
        with closing(_connected(path)) as database:
            yield Index(database)
    except (sqlite3.Error, NotARecipe) as error:
        raise _translated(path, error) from error


def current(folder: Path) -> bool:
    """Tell whether the index is there and of this version."""
    path = folder / FILE_NAME
    if not path.exists():
        return False
    try:
        with closing(_connected(path)) as database:
            return _version(database) == len(MIGRATIONS)
    except sqlite3.Error as error:
        raise _translated(path, error) from error


def migrate(folder: Path) -> None:
    """Make the index, or bring it up to this version; nobody else may have it open."""
    path = folder / FILE_NAME
    try:
        with closing(_connected(path)) as database:
            if _version(database) > len(MIGRATIONS):
                raise AudioToImageError(f"{path} was made by a later version of this program", REBUILD)
            database.execute("PRAGMA journal_mode = WAL")
            for version in range(_version(database), len(MIGRATIONS)):
                script = f"BEGIN; {MIGRATIONS[version]}; PRAGMA user_version = {version + 1}; COMMIT;"
                database.executescript(script)
    except sqlite3.Error as error:
        raise _translated(path, error) from error


def discard(folder: Path) -> None:
    """Delete the index; nobody else may have it open."""
    for end in ("", "-wal", "-shm"):
        path = folder / (FILE_NAME + end)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise files.not_written(path, error) from error


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    database.execute("PRAGMA synchronous = NORMAL")  # a row lost with the power is found again from its file
    return database


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _encodable(text: str) -> str:
    """Put question marks for bytes that are no text: a command's arguments may hold some."""
    return text.encode(errors="replace").decode()


def _spaced(text: str) -> str:
    return UNSPACED.sub(r" \1 ", text)


def _translated(path: Path, error: Exception) -> AudioToImageError:
    where = getattr(error, "sqlite_errorcode", 0)
    code = where & 0xFF  # the low byte is the kind
    if code == sqlite3.SQLITE_FULL or where == sqlite3.SQLITE_IOERR_SHMSIZE:
        return AudioToImageError(f"the disk is full: cannot write {path}", "free some space, or choose another disk")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return AudioToImageError(f"not allowed to write {path}", f"ls -ld {quote(str(path.parent))}")
    if code == sqlite3.SQLITE_IOERR:
        return AudioToImageError(f"the disk failed at {path}: {error}", f"df {quote(str(path.parent))}")
    if code == sqlite3.SQLITE_BUSY:
        return AudioToImageError(f"another process holds {path}", "try again")
    return AudioToImageError(f"the gallery's index {path} is damaged: {error}", REBUILD)
