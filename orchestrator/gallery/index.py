"""The gallery's index: one row per picture file, in SQLite; it can always be made again from the files.

The rollback journal is truncated, not deleted, so that reading and writing rows leave the folder's time stamp alone;
SQLite's WAL mode creates and deletes files in the folder whenever the index is opened and closed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from orchestrator import files
from orchestrator.errors import AudioToImageError
from orchestrator.recipe import NotARecipe, Recipe

Refused = sqlite3.OperationalError  # the disk is full or fails, or another process holds the index too long
FILE_NAME = "index.sqlite"
REBUILD = "audio-to-image gallery rebuild"
MIGRATIONS = (  # each brings `user_version` up by one
    """
    CREATE TABLE pictures (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, made TEXT NOT NULL, recipe TEXT NOT NULL);
    CREATE INDEX newest ON pictures (made, name);
    CREATE VIRTUAL TABLE words USING fts5(prompt, transcript, tokenize = 'unicode61 remove_diacritics 2');
    """,
    # The folder's stamp when rows and files were last compared, and the PNG files that got no row.
    """
    CREATE TABLE compared (stamp TEXT NOT NULL, pictures INTEGER NOT NULL);
    CREATE TABLE skipped (name TEXT PRIMARY KEY, stamp TEXT NOT NULL);
    """,
)
NEWEST = "ORDER BY made DESC, name DESC LIMIT ?"
OLDER = "(? = '' OR (made, name) < (SELECT made, name FROM pictures WHERE name = ?))"
BUSY_SECONDS = 60.0
FILLING_KIB = 64 << 10  # of memory for the cache while an index is filled
# Scripts written without spaces: each character is indexed as a word, so that words inside a sentence are found.
UNSPACED = re.compile(r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the index holds about one file."""

    name: str
    recipe: Recipe


class Index:
    """An open index; made by `opened`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def names(self) -> set[str]:
        """Return the names of the files that have a row."""
        return {name for (name,) in self._database.execute("SELECT name FROM pictures")}

    def compared(self, stamp: str) -> bool:
        """Return whether rows and files were compared when the folder had this stamp, with as many rows as now."""
        known = "SELECT 1 FROM compared WHERE stamp = ? AND pictures = (SELECT count(*) FROM pictures)"
        return bool(stamp and self._database.execute(known, [stamp]).fetchall())

    def skipped(self) -> dict[str, str]:
        """Return the PNG files without a row, each with its stamp when it was read."""
        return dict(self._database.execute("SELECT name, stamp FROM skipped").fetchall())

    def note_compared(self, stamp: str, skipped: Mapping[str, str]) -> None:
        """Record that rows and files agree while the folder and the skipped files have these stamps."""
        with self._writing():
            self._database.execute("DELETE FROM compared")
            self._database.execute("DELETE FROM skipped")
            self._database.execute("INSERT INTO compared SELECT ?, count(*) FROM pictures", [stamp])
            self._database.executemany("INSERT INTO skipped VALUES (?, ?)", skipped.items())

    def add(self, name: str, recipe: Recipe) -> bool:
        """Add a row; return False if another file has the row of this picture."""
        with self._writing():
            added = self._database.execute(
                "INSERT OR IGNORE INTO pictures (id, name, made, recipe) VALUES (?, ?, ?, ?)",
                (recipe.id, name, recipe.made, recipe.to_json()),
            )
            if not added.rowcount:
                return bool(self.named(name))
            words = (added.lastrowid, _spaced(recipe.prompt), _spaced(recipe.transcript))
            self._database.execute("INSERT INTO words (rowid, prompt, transcript) VALUES (?, ?, ?)", words)
            return True

    def drop(self, name: str) -> None:
        """Delete the row of a file."""
        with self._writing():
            self._database.execute(
                "DELETE FROM words WHERE rowid IN (SELECT rowid FROM pictures WHERE name = ?)", [name]
            )
            self._database.execute("DELETE FROM pictures WHERE name = ?", [name])

    def newest(self, limit: int | None, before: str = "") -> tuple[Row, ...]:
        """Return rows, newest first; only those older than the file `before` if it is given."""
        return self._rows(f"WHERE {OLDER} {NEWEST}", before, before, -1 if limit is None else limit)

    def search(self, words: str, limit: int | None, before: str = "") -> tuple[Row, ...]:
        """Return rows whose words include all of these or begin with them; see `newest`."""
        phrases = [f'"{_spaced(word)}"*' for word in words.replace('"', " ").replace("\0", " ").split()]
        if not phrases:
            return self.newest(limit, before)
        where = f"WHERE rowid IN (SELECT rowid FROM words WHERE words MATCH ?) AND {OLDER} {NEWEST}"  # noqa: S608
        return self._rows(where, " ".join(phrases), before, before, -1 if limit is None else limit)

    def beginning(self, start: str) -> tuple[Row, ...]:
        """Return up to ten rows whose id begins with `start`."""
        return self._rows("WHERE id >= ? AND id < ? || char(0x10ffff) ORDER BY id LIMIT 10", start, start)

    def with_id(self, id_: str) -> tuple[Row, ...]:
        """Return the row with an id."""
        return self._rows("WHERE id = ?", id_)

    def named(self, name: str) -> tuple[Row, ...]:
        """Return the row of a file."""
        return self._rows("WHERE name = ?", name)

    def _rows(self, clause: str, *values: str | int) -> tuple[Row, ...]:
        known = [_encodable(value) if isinstance(value, str) else value for value in values]
        found = self._database.execute(f"SELECT name, recipe FROM pictures {clause}", known)  # noqa: S608 (our own clauses)
        return tuple(Row(name=name, recipe=Recipe.from_json(recipe)) for name, recipe in found)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Take the write lock at the start: SQLite refuses a reader that becomes a writer, and lets a writer wait."""
        if self._database.in_transaction:
            yield
            return
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:
            yield

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write many changes in one transaction."""
        with self._writing():
            yield


@contextmanager
def opened(folder: Path, *, filling: bool = False) -> Iterator[Index]:
    """Open the index of a folder of pictures; SQLite's errors become ours.

    While an empty index is filled from the files, a power cut may cost all of it, and the disk is not waited for.
    """
    path = folder / FILE_NAME
    try:
        with closing(_connected(path)) as database:
            database.execute("PRAGMA journal_mode = TRUNCATE")
            if filling:
                database.execute("PRAGMA synchronous = OFF")
                database.execute(f"PRAGMA cache_size = -{FILLING_KIB}")
            yield Index(database)
    except (sqlite3.Error, NotARecipe) as error:
        raise _translated(path, error) from error


def current(folder: Path) -> bool:
    """Return whether the index exists and has this version."""
    path = folder / FILE_NAME
    if not path.exists():
        return False
    try:
        with closing(_connected(path)) as database:
            return _version(database) == len(MIGRATIONS)
    except sqlite3.Error as error:
        raise _translated(path, error) from error


def migrate(folder: Path) -> None:
    """Make the index, or bring it up to this version; no other process may have it open."""
    path = folder / FILE_NAME
    try:
        with closing(_connected(path)) as database:
            if _version(database) > len(MIGRATIONS):
                raise AudioToImageError(f"{path} was made by a later version of this program", REBUILD)
            database.execute("PRAGMA journal_mode = TRUNCATE")  # earlier versions used WAL
            for version in range(_version(database), len(MIGRATIONS)):
                script = f"BEGIN; {MIGRATIONS[version]}; PRAGMA user_version = {version + 1}; COMMIT;"
                database.executescript(script)
    except sqlite3.Error as error:
        raise _translated(path, error) from error


def discard(folder: Path) -> None:
    """Delete the index; no other process may have it open."""
    for end in ("", "-journal", "-wal", "-shm"):
        path = folder / (FILE_NAME + end)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise files.not_written(path, error) from error


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    database.execute("PRAGMA synchronous = NORMAL")  # a row lost in a power cut is found again from its file
    return database


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _encodable(text: str) -> str:
    """Replace bytes that are not text, which a command's arguments may hold, by question marks."""
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
