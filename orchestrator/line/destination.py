"""Where the pictures of a command go: to the gallery, and to a file, a folder or standard output besides.

A Destination is made, and with it checked, before any engine is loaded: what cannot be written is not painted first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from orchestrator import files
from orchestrator import picture as png
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Event, Kept, Note
from orchestrator.gallery import Gallery, Source, complete_recipe
from orchestrator.gallery.names import file_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.recipe import Recipe
    from orchestrator.settings import Settings

STDOUT = Path("-")


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where each picture of a command goes; made by `make_destination`."""

    output: Path | None = None  # a file, a folder or STDOUT; None for the gallery alone
    folder: bool = False  # whether `output` is a folder
    keep: bool = True  # in the gallery
    force: bool = False  # overwrite files
    count: int = 1  # pictures of each recording
    total: int = 1  # pictures of the command
    first: int = 0  # pictures of the recordings before this one

    @property
    def stdout(self) -> bool:
        """Return whether the picture itself goes to standard output."""
        return self.output == STDOUT

    def for_recording(self, index: int) -> Destination:
        """Return the destination of one recording's pictures, from 0."""
        return replace(self, first=index * self.count)

    def path(self, number: int, recipe: Recipe) -> Path | None:
        """Return the file of a recording's picture, from 0; None where it goes to no file."""
        if self.output is None or self.stdout:
            return None
        return self.output / file_name(recipe) if self.folder else self._numbered(self.first + number)

    def numbered(self) -> Iterator[Path]:
        """Yield every file that will be written, if their names are known before the pictures are painted."""
        known = self.output is not None and not self.stdout and not self.folder
        return (self._numbered(number) for number in range(self.total if known else 0))

    def keep_picture(
        self, gallery: Gallery, pixels: NDArray[np.uint8], recipe: Recipe, source: Source | None, number: int
    ) -> Iterator[Event]:
        """Keep a picture in the gallery unless that is off, and write it to the destination."""
        if self.keep:
            kept = gallery.keep(pixels, recipe, source=source)
        else:
            recipe = replace(complete_recipe(recipe, source), pixels=png.pixels_digest(pixels))
            kept = Kept(id=recipe.id, path=STDOUT, recipe=recipe)
        yield from self.write(kept, pixels, number)

    def write(self, kept: Kept, pixels: NDArray[np.uint8], number: int) -> Iterator[Event]:
        """Write a picture to the destination, with the gallery's recipe, and yield it with its path there."""
        path = self.path(number, kept.recipe)
        if self.stdout:
            sys.stdout.buffer.write(png.to_png(pixels, kept.recipe))
            sys.stdout.buffer.flush()
        elif path:
            try:
                fits = self._write_file(path, pixels, kept.recipe)
            except AudioToImageError:
                yield from (Note(text=f"the picture is in the gallery: {each}") for each in (kept.gallery,) if each)
                raise
            if not fits:
                yield Note(
                    text=f"{path} has no recipe, which is too long for JPEG", hint="PNG and WebP have room for it"
                )
        yield replace(kept, path=path or kept.path)

    def write_all(self, stream: Iterable[Event]) -> Iterator[Event]:
        """Write the pictures that another process has kept in the gallery."""
        number = 0
        for event in stream:
            if isinstance(event, Kept) and self.output:
                yield from self.write(event, png.read_pixels(event.path), number)
                number += 1
            else:
                yield event

    def _numbered(self, number: int) -> Path:
        assert self.output is not None  # noqa: S101 - for the type checker
        return self.output if self.total == 1 else self.output.with_stem(f"{self.output.stem}-{number + 1}")

    def _write_file(self, path: Path, pixels: NDArray[np.uint8], recipe: Recipe) -> bool:
        """Write a picture to a file; return whether its recipe fits into that."""
        fits = png.fits(recipe, path.suffix)
        if self.folder:
            files.make_folder(path.parent)
        files.write_whole(path, png.encode(pixels, recipe if fits else None, path.suffix), replace=self.force)
        return fits


GALLERY = Destination()


def make_destination(settings: Settings, *, force: bool = False, recordings: int | None = 1) -> Destination:
    """Return where the pictures go that the settings ask for; raises an error for one that cannot be written there.

    Nothing is written yet, except that the gallery is made. `recordings` is None if their number is not known.
    """
    output = settings.output
    made = Destination(
        output=output,
        folder=output is not None and output != STDOUT and _is_folder(output),
        keep=settings.keep,
        force=force,
        count=settings.count,
        total=settings.count * (recordings or 1),
    )
    if output is None and not settings.keep:
        raise Misuse("the picture would be kept nowhere, neither in the gallery nor elsewhere", "--output pictures")
    if output is not None and recordings is None and not made.folder:
        raise Misuse(f"{output} is one file for many pictures", "name a folder, or add --once")
    if output is not None:
        _check_output(made, output, settings.gallery)
    if settings.keep:
        _check_gallery(Gallery(settings.gallery))
    return made


def _is_folder(output: Path) -> bool:
    """Return whether a path is a folder, or a name without a suffix that is to become one."""
    return files.kind(output) == "folder" or not output.suffix


def _check_output(made: Destination, output: Path, gallery: Path) -> None:
    if made.stdout:
        _check_stdout(made.total)
        return
    _check_name(output)
    folder = output if made.folder else output.parent
    if made.folder and files.kind(output) == "file":
        raise Misuse(
            f"{output} is a file, and a name without .png, .jpg or .webp is a folder",
            f"--output {quote(f'{output}.png')}",
        )
    files.check_writable(folder)
    if not made.folder and files.kind(folder) != "folder":
        raise Misuse(f"there is no folder {folder}", f"mkdir -p {quote(str(folder))}")
    if folder.resolve() == gallery.resolve():
        raise Misuse(f"{folder} is the gallery, where every picture is kept anyway", "leave --output out")
    _check_files(made)


def _check_stdout(total: int) -> None:
    if total > 1:
        raise Misuse(f"standard output takes one picture, not {total}", "name a folder: --output pictures")
    if sys.stdout.isatty():
        raise Misuse("standard output is a terminal, which cannot show a PNG file", "--output - > picture.png")


def _check_name(output: Path) -> None:
    """Refuse names that no file can have, and formats that are not written."""
    try:
        output.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise files.not_written(output, error) from error
    except ValueError as error:  # a NUL in it
        raise Misuse(f"{output!r} cannot be the name of a file: {error}", "--output picture.png") from error
    if not _is_folder(output) and output.suffix.lower() not in png.FORMATS:
        raise Misuse(
            f"{output} does not end in .png, .jpg or .webp, the formats of pictures here",
            f"--output {quote(str(output.with_suffix('.png')))}",
        )


def _check_files(made: Destination) -> None:
    """Refuse to overwrite files, unless that is wanted and they are files."""
    for path in made.numbered():
        if made.force:
            files.check_place(path)
        elif path.is_symlink() or path.exists():
            raise Misuse(f"{path} already exists", files.OVERWRITE)


def _check_gallery(gallery: Gallery) -> None:
    try:
        gallery.check_writable()
    except AudioToImageError as error:
        raise AudioToImageError(f"{error} (--no-keep paints without the gallery)", error.hint) from error
