"""The gallery: a folder of PNG files with their recipes, and an index of them.

The files are the truth; `index.sqlite` is made from them. The picture that a kept one was painted from is
kept as well: one of this gallery stays (removing moves it to the trash), a file from elsewhere is copied to `sources`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from orchestrator import files
from orchestrator import picture as png
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Kept
from orchestrator.gallery import folder as on_disk
from orchestrator.gallery import index, names
from orchestrator.gallery.names import ID
from orchestrator.gallery.source import Source
from orchestrator.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ID", "Gallery", "Rebuilt", "Source", "complete_recipe"]

LOCK = ".lock"  # shared by everyone who uses the folder, held alone to sweep, migrate and rebuild
STAGING = ".unfinished"  # files are written here and renamed into place; what is left here belongs to a dead process


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What a rebuild of the index found."""

    pictures: int
    skipped: tuple[Path, ...]  # files without a recipe, and second copies


class Gallery:
    """A folder of pictures and its index; calls keep nothing open, so any number of processes can share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.trash = self.folder / "trash"
        self.sources = self.folder / "sources"

    def check_writable(self) -> None:
        """Raise an error unless pictures can be kept here."""
        with self._opened():
            files.check_writable(files.make_folder(self.folder / STAGING))
            files.check_writable(self.folder)

    def keep(self, pixels: NDArray[np.uint8], recipe: Recipe, *, source: Source | None = None) -> Kept:
        """Write a picture to the gallery; `source` is what it was painted from."""
        recipe = complete_recipe(recipe, source)
        name = names.file_name(recipe)
        self._sweep()
        with self._opened() as rows:
            staging = files.make_folder(self.folder / STAGING)
            if source and source.image:
                self._copy_source(source)
            recipe = png.write_png(self.folder / name, pixels, recipe, staging=staging)
            with suppress(index.Refused):  # the next look at the gallery adds the row from the file
                rows.add(name, recipe)
        return _kept(self.folder / name, recipe)

    def list(self, limit: int | None = None) -> tuple[Kept, ...]:
        """List the pictures, newest first."""
        with self._healed() as rows:
            return self._all(rows.newest(limit))

    def search(self, words: str, limit: int | None = None) -> tuple[Kept, ...]:
        """Find pictures whose prompt or transcript has all these words or prefixes of words, newest first."""
        with self._healed() as rows:
            return self._all(rows.search(words, limit))

    def page(self, words: str, before: str, limit: int) -> tuple[Kept, ...]:
        """List or search the pictures older than the one with the file name `before`, newest first."""
        with self._healed() as rows:
            return self._all(rows.search(words, limit, before))

    def show(self, wanted: str) -> Kept:
        """Find one picture by its id, the beginning of its id, or its file."""
        with self._opened() as rows:
            found = self._all(rows.named(Path(wanted).name) or rows.with_id(names.typed_id(wanted)))
        if found and found[0].path.exists():
            return found[0]
        with self._healed() as rows:
            kept = self._all(rows.named(Path(wanted).name) or rows.beginning(names.typed_id(wanted)))
        by_id = {each.id: each for each in kept}
        return by_id[names.only_id(wanted, list(by_id), "in the gallery", "audio-to-image gallery list")]

    def source_of(self, path: Path) -> Source:
        """Read what recipes record about a picture to paint from."""
        parent = png.read_recipe(path)
        ours = parent is not None and path.absolute().parent in (self.folder, self.trash)
        return Source(path=path, parent=parent.id if parent else "", image="" if ours else files.sha256(path))

    def find_source(self, image: str) -> Source:
        """Find a picture to paint from by its file, its id or the beginning of its id."""
        path = Path(image)
        if files.kind(path) == "file":
            return self.source_of(path)
        if path.suffix or path.parent != Path():
            raise Misuse(f"there is no picture {image}", "audio-to-image gallery list")
        return self.source_of(self.show(image).path)

    def source(self, recipe: Recipe) -> Path:
        """Find the picture that a picture was painted from, in the gallery, its trash or its copies of sources.

        Its pixels are compared with the digest in the recipe.
        """
        here = self._with_id(recipe.parent) if ID.fullmatch(recipe.parent) else ()
        copies = sorted(self.sources.glob(f"{recipe.image}.*")) if re.fullmatch("[0-9a-f]{64}", recipe.image) else []
        for path in (*here, *copies):
            if png.pixels_digest(png.read_pixels(path)) == recipe.parent_pixels:
                return path
        what = recipe.parent or f"{recipe.image[:12]}..."
        raise AudioToImageError(
            f"the picture it was painted from, {what}, is gone or has changed",
            f"paint from its words alone: audio-to-image paint {quote(recipe.prompt)}",
        )

    def remove(self, wanted: str) -> Kept:
        """Move a picture to the trash."""
        kept = self.show(wanted)
        with self._opened() as rows:
            target = files.make_folder(self.trash) / kept.path.name
            _move(kept.path, target)
            rows.drop(kept.path.name)
        return replace(kept, path=target, gallery=None)

    def restore(self, wanted: str) -> Kept:
        """Move a picture back from the trash."""
        with self._opened() as rows:
            found = {recipe.id: (path, recipe) for path, recipe in on_disk.pictures(files.make_folder(self.trash))}
            ids = sorted(id_ for id_ in found if id_.startswith(names.typed_id(wanted)))
            path, recipe = found[names.only_id(wanted, ids, "in the trash", f"ls {quote(str(self.trash))}")]
            _move(path, self.folder / path.name)
            rows.add(path.name, recipe)
        return _kept(self.folder / path.name, recipe)

    def trashed(self) -> tuple[Kept, ...]:
        """List the pictures in the trash, newest first."""
        return tuple(_kept(path, recipe) for path, recipe in on_disk.pictures(self.trash))[::-1]

    def empty_trash(self) -> None:
        """Delete the pictures in the trash."""
        for kept in self.trashed():
            files.delete(kept.path)

    def export(self, wanted: Iterable[str], folder: Path, *, bare: bool = False) -> Iterator[Path]:
        """Copy pictures under readable names; bare copies have no recipe, so none of the words spoken."""
        for kept in [self.show(each) for each in wanted]:
            target = files.make_folder(folder) / names.readable(kept.recipe)
            files.write_whole(target, png.to_png(png.read_pixels(kept.path), None) if bare else kept.path.read_bytes())
            yield target

    def rebuild(self) -> Rebuilt:
        """Make the index again from the files."""
        with files.lock(files.make_folder(self.folder) / LOCK):
            index.discard(self.folder)
            index.migrate(self.folder)
            with index.opened(self.folder, filling=True) as rows:
                added = on_disk.fill(self.folder, rows)
        return Rebuilt(pictures=len(added), skipped=tuple(sorted(set(self.folder.glob("*.png")) - added)))

    @contextmanager
    def _opened(self) -> Iterator[index.Index]:
        """Open the index, after making or migrating it where needed."""
        with files.lock(files.make_folder(self.folder) / LOCK, shared=True):
            current = index.current(self.folder)
        if not current:
            with files.lock(self.folder / LOCK):
                index.migrate(self.folder)
        with files.lock(self.folder / LOCK, shared=True), index.opened(self.folder) as rows:
            yield rows

    @contextmanager
    def _healed(self) -> Iterator[index.Index]:
        """Open the index and bring it in line with the files, which people and crashes may have changed."""
        with self._opened() as rows:
            leftovers = on_disk.heal(self.folder, rows)
            yield rows
        if leftovers:
            self._sweep(leftovers)

    def _sweep(self, leftovers: Iterable[Path] = ()) -> None:
        """Delete unfinished files if no other process uses the folder: the processes that began them are gone."""
        with files.lock(files.make_folder(self.folder) / LOCK, wait=False) as alone, suppress(OSError):
            for path in (*leftovers, *(self.folder / STAGING).glob("*")) if alone else ():
                path.unlink(missing_ok=True)

    def _copy_source(self, source: Source) -> None:
        target = files.make_folder(self.sources) / f"{source.image}{source.path.suffix.lower() or '.image'}"
        if not target.exists():
            files.write_whole(target, source.path.read_bytes(), staging=self.folder / STAGING)

    def _all(self, rows: Iterable[index.Row]) -> tuple[Kept, ...]:
        return tuple(_kept(self.folder / row.name, row.recipe) for row in rows)

    def _with_id(self, id_: str) -> tuple[Path, ...]:
        with self._healed() as rows:
            here = tuple(self.folder / row.name for row in rows.with_id(id_))
        return here + tuple(self.trash.glob(f"*{id_}*.png"))


def complete_recipe(recipe: Recipe, source: Source | None = None) -> Recipe:
    """Return the recipe of a new picture with its id, its time and what it was painted from."""
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    recipe = replace(recipe, id=names.new_id(), made=now)
    if source is None:
        return recipe
    return replace(recipe, parent=source.parent, parent_pixels=source.parent_pixels, image=source.image)


def _kept(path: Path, recipe: Recipe) -> Kept:
    return Kept(id=recipe.id, path=path, recipe=recipe, gallery=path)


def _move(path: Path, target: Path) -> None:
    try:
        shutil.move(path, target)
    except OSError as error:
        raise files.not_written(target, error) from error
