"""A gallery's index, held to the gallery's files."""

from __future__ import annotations

import sqlite3

from orchestrator.gallery import Gallery, index


def hold_to_its_files(gallery: Gallery) -> None:
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
