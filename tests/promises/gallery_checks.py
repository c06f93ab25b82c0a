"""Checks that a gallery's index and its files agree."""

from __future__ import annotations

import sqlite3

from orchestrator.gallery import Gallery, index


def check_index_matches_files(gallery: Gallery) -> None:
    """Assert that the index lists the files, that a rebuilt one is the same, and that no partial file is left."""
    listed = gallery.list()
    assert {each.path for each in listed} == set(gallery.folder.glob("*.png"))
    before = rows(gallery)
    gallery.rebuild()
    assert rows(gallery) == before
    assert not [path for path in gallery.folder.iterdir() if path.suffix == ".part"]


def rows(gallery: Gallery) -> list[tuple[str, ...]]:
    with sqlite3.connect(gallery.folder / index.FILE_NAME) as database:
        found = database.execute("SELECT id, name, made, recipe FROM pictures ORDER BY name").fetchall()
    database.close()
    return found
