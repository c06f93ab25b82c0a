"""Pictures kept: pixels and a recipe go in, a PNG in a folder and a row in its index come out.

The files are the truth; `index.sqlite` beside them is remade from them. What is written elsewhere (`output`) carries
its recipe but is not indexed, for the index could not be remade from this folder. What a kept picture was painted from
is kept too: a picture that stands here stays (removing moves it to the trash), one from elsewhere is copied to
`sources`.
"""

from __future__ import annotations

import os
import re
import secrets
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
from orchestrator.errors import AudioToImageError, Misuse, NotThere
from orchestrator.gallery import index
from orchestrator.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOCK = ".lock"  # shared by all who use the folder; whoever holds it alone may sweep and rebuild
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o and u, which are misread
ID_LENGTH = 10  # 50 bits
ID = re.compile(f"[{ALPHABET}]{{{ID_LENGTH}}}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.+]+")
MISREAD = str.maketrans("ilo", "110")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A picture on the disk."""

    id: str
    path: Path
    recipe: Recipe


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What making the index anew found."""

    pictures: int
    skipped: tuple[Path, ...]  # files without a recipe, and second copies


class Gallery:
    """A folder of pictures and its index; every call stands alone, so that any number of processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.trash = self.folder / "trash"
        self.sources = self.folder / "sources"

    def keep(
        self, pixels: NDArray[np.uint8], recipe: Recipe, *, output: Path | None = None, source: Path | None = None
    ) -> Kept:
        """Keep a picture here, or write it to `output` (a file or a folder); `source` is what it was painted from."""
        now = datetime.now(UTC)
        recipe = replace(recipe, id=_new_id(), made=now.isoformat(timespec="microseconds"))
        recipe = self._with_source(recipe, source) if source else recipe
        name = f"{now:%Y%m%d-%H%M%S-%f}-{recipe.id}.png"
        if output is not None:
            path = _place(output, name)
            return _kept(path, png.write_png(path, pixels, recipe))
        self._sweep()
        with self._opened() as rows:
            if source and recipe.image:
                self._copy_source(source, recipe.image)
            recipe = png.write_png(self.folder / name, pixels, recipe)
            with suppress(index.Refused):  # the next one who looks makes the row from the file
                rows.add(name, recipe)
        return _kept(self.folder / name, recipe)

    def list(self, limit: int | None = None) -> tuple[Kept, ...]:
        """List the pictures, newest first."""
        with self._healed() as rows:
            return self._all(rows.newest(limit))

    def search(self, words: str, limit: int | None = None) -> tuple[Kept, ...]:
        """Find pictures whose prompt or transcript has all these words, or words that begin so; newest first."""
        with self._healed() as rows:
            return self._all(rows.search(words, limit))

    def page(self, words: str, before: str, limit: int) -> tuple[Kept, ...]:
        """List or search the pictures that come after the one of this file name, newest first."""
        with self._healed() as rows:
            return self._all(rows.search(words, limit, before))

    def show(self, wanted: str) -> Kept:
        """Find one picture by its id, the beginning of one, or its file."""
        with self._healed() as rows:
            return self._one(rows, wanted)

    def source(self, recipe: Recipe) -> Path:
        """Find the picture that a picture was painted from, also in the trash; checked to be the very same."""
        here = self._by_id(recipe.parent) if ID.fullmatch(recipe.parent) else ()
        copies = sorted(self.sources.glob(f"{recipe.image}.*")) if re.fullmatch("[0-9a-f]{64}", recipe.image) else []
        for path in (*here, *copies):
            if png.pixels_digest(png.read_pixels(path)) == recipe.parent_pixels:
                return path
        what = recipe.parent or f"{recipe.image[:12]}..."
        raise AudioToImageError(
            f"the picture it was painted from, {what}, is not here as it was",
            f"paint its words anew: audio-to-image paint {quote(recipe.prompt)}",
        )

    def remove(self, wanted: str) -> Kept:
        """Move a picture to the trash."""
        with self._healed() as rows:
            kept = self._one(rows, wanted)
            target = files.make_folder(self.trash) / kept.path.name
            _move(kept.path, target)
            rows.drop(kept.path.name)
        return replace(kept, path=target)

    def restore(self, wanted: str) -> Kept:
        """Bring a picture back from the trash."""
        with self._opened() as rows:
            found = {recipe.id: (path, recipe) for path, recipe in _pictures(files.make_folder(self.trash))}
            ids = sorted(id_ for id_ in found if id_.startswith(_typed(wanted)))
            path, recipe = found[_only(wanted, ids, "in the trash", f"ls {quote(str(self.trash))}")]
            _move(path, self.folder / path.name)
            rows.add(path.name, recipe)
        return _kept(self.folder / path.name, recipe)

    def export(self, wanted: Iterable[str], folder: Path, *, bare: bool = False) -> Iterator[Path]:
        """Copy pictures under names that people can read; bare ones carry no recipe, so nothing of what was said."""
        for kept in [self.show(each) for each in wanted]:
            target = files.make_folder(folder) / f"{kept.recipe.made[:10]}-{_slug(kept.recipe.prompt)}-{kept.id}.png"
            files.write_whole(target, png.to_png(png.read_pixels(kept.path), None) if bare else kept.path.read_bytes())
            yield target

    def rebuild(self) -> Rebuilt:
        """Make the index anew from the files."""
        with files.lock(files.make_folder(self.folder) / LOCK):
            index.discard(self.folder)
            index.migrate(self.folder)
            with index.opened(self.folder) as rows, rows.together():
                added = {path for path, recipe in _pictures(self.folder) if rows.add(path.name, recipe)}
        return Rebuilt(pictures=len(added), skipped=tuple(sorted(set(self.folder.glob("*.png")) - added)))

    @contextmanager
    def _opened(self) -> Iterator[index.Index]:
        """Open the index, made or migrated first where that is needed."""
        with files.lock(files.make_folder(self.folder) / LOCK, shared=True):
            current = index.current(self.folder)
        if not current:
            with files.lock(self.folder / LOCK):
                index.migrate(self.folder)
        with files.lock(self.folder / LOCK, shared=True), index.opened(self.folder) as rows:
            yield rows

    @contextmanager
    def _healed(self) -> Iterator[index.Index]:
        """Open the index and bring it in line with the files: a crash may have come between a picture and its row."""
        self._sweep()
        with self._opened() as rows:
            known = rows.names()  # before the files: a picture comes first and its row after it
            there = {path.name for path in _named(self.folder)}
            for name in known - there:
                rows.drop(name)
            for name in sorted(there - known):
                recipe = _recipe(self.folder / name)
                if recipe:
                    rows.add(name, recipe)
            yield rows

    def _sweep(self) -> None:
        """Delete unfinished files when nobody else is at work, for then nobody will finish them."""
        with files.lock(files.make_folder(self.folder) / LOCK, wait=False) as alone, suppress(OSError):
            for path in self.folder.glob(f".*{files.PART}") if alone else ():
                path.unlink(missing_ok=True)

    def _with_source(self, recipe: Recipe, source: Path) -> Recipe:
        parent, digest = png.read_png(source), png.pixels_digest(png.read_pixels(source))
        ours = source.absolute().parent in (self.folder, self.trash)
        image = "" if ours and parent else files.sha256(source)
        return replace(recipe, parent=parent.id if parent else "", parent_pixels=digest, image=image)

    def _copy_source(self, source: Path, digest: str) -> None:
        target = files.make_folder(self.sources) / f"{digest}{source.suffix.lower() or '.image'}"
        if not target.exists():
            files.write_whole(target, source.read_bytes())

    def _one(self, rows: index.Index, wanted: str) -> Kept:
        found = {kept.id: kept for kept in self._all(rows.named(Path(wanted).name) or rows.beginning(_typed(wanted)))}
        return found[_only(wanted, list(found), "in the gallery", "audio-to-image gallery list")]

    def _all(self, rows: Iterable[index.Row]) -> tuple[Kept, ...]:
        return tuple(_kept(self.folder / row.name, row.recipe) for row in rows)

    def _by_id(self, id_: str) -> tuple[Path, ...]:
        with self._healed() as rows:
            here = tuple(self.folder / row.name for row in rows.beginning(id_))
        return here + tuple(self.trash.glob(f"*{id_}*.png"))


def _kept(path: Path, recipe: Recipe) -> Kept:
    return Kept(id=recipe.id, path=path, recipe=recipe)


def _new_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def _typed(wanted: str) -> str:
    return wanted.strip().lower().translate(MISREAD)


def _only(wanted: str, ids: list[str], where: str, hint: str) -> str:
    """Choose the one id that begins as was typed."""
    if not ids or not wanted.strip():
        raise NotThere(f"no picture {wanted!r} {where}", hint)
    if len(ids) > 1:
        raise Misuse(f"{wanted!r} could be any of: {', '.join(ids)}", "type more of it")
    return ids[0]


def _place(output: Path, name: str) -> Path:
    """Tell where `--output` puts a picture: itself, or a file in it where it is a folder."""
    if files.kind(output) == "folder":
        return output / name
    if output.suffix.lower() not in ("", ".png"):
        raise Misuse(
            f"{output} does not end in .png, and pictures are PNG files",
            f"--output {quote(str(output.with_suffix('.png')))}",
        )
    if files.kind(output.parent) != "folder":
        raise Misuse(f"there is no folder {output.parent}", f"mkdir -p {quote(str(output.parent))}")
    return output


def _named(folder: Path) -> Iterator[Path]:
    """Yield the PNG files whose names are text: no row can hold another name."""
    with suppress(OSError):  # the folder may go at any moment
        for path in folder.glob("*.png"):
            if path.name.encode(errors="replace") == os.fsencode(path.name):
                yield path


def _pictures(folder: Path) -> Iterator[tuple[Path, Recipe]]:
    """Yield the files that are our pictures, oldest first."""
    for path in sorted(_named(folder)):
        recipe = _recipe(path)
        if recipe:
            yield path, recipe


def _recipe(path: Path) -> Recipe | None:
    """Read a picture's recipe if it could be ours: ids and times become file names."""
    recipe = png.read_png(path)
    return recipe if recipe and ID.fullmatch(recipe.id) and TIME.fullmatch(recipe.made) else None


def _move(path: Path, target: Path) -> None:
    try:
        shutil.move(path, target)
    except OSError as error:
        raise files.not_written(target, error) from error


def _slug(prompt: str) -> str:
    return "-".join(re.findall(r"\w+", prompt.lower()))[:40].strip("-_") or "picture"
