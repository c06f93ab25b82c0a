"""The verb `gallery` and its subcommands."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import events, settings
from orchestrator.cli import options, pictures
from orchestrator.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.gallery import Gallery


@click.group()
def gallery() -> None:
    """List, search and manage the pictures you have painted."""


def _open_gallery() -> Gallery:
    from orchestrator.gallery import Gallery

    return Gallery(settings.load().gallery)


def _print_pictures(found: Iterable[events.Kept], *, as_json: bool) -> None:
    for kept in found:
        click.echo(kept.to_json() if as_json else printable(f"{kept.id}  {kept.recipe.prompt}"))


limit = click.option("--limit", type=click.IntRange(min=1), help="Show at most this many.")
wanted = click.argument("wanted", metavar="ID")


@gallery.command("list")
@limit
@options.as_json
def list_(limit: int | None, as_json: bool) -> None:
    """List pictures, newest first."""
    _print_pictures(_open_gallery().list(limit), as_json=as_json)


@gallery.command()
@click.argument("words", nargs=-1, required=True)
@limit
@options.as_json
def search(words: tuple[str, ...], limit: int | None, as_json: bool) -> None:
    """Find pictures by words in the prompt or the transcript."""
    _print_pictures(_open_gallery().search(" ".join(words), limit), as_json=as_json)


@gallery.command()
@wanted
@options.as_json
def show(wanted: str, as_json: bool) -> None:
    """Show a picture's path and recipe."""
    kept = _open_gallery().show(wanted)
    if as_json:
        _print_pictures([kept], as_json=True)
        return
    click.echo(kept.path)
    for name, value in asdict(kept.recipe).items():
        if value not in ("", None, (), {}):
            click.echo(printable(f"  {name}: {value}"))


@gallery.command()
@wanted
@options.output
@options.as_json
@options.timings
def repaint(wanted: str, force: bool, as_json: bool, timings: bool, **flags: object) -> int:
    """Paint a picture again from its recipe. The pixels are the same with the same runtime, version and threads."""
    from orchestrator.line import pipeline
    from orchestrator.line.engines import Line
    from orchestrator.line.order import settings_of

    recipe = _open_gallery().show(wanted).recipe
    chosen = settings_of(settings.load(flags), recipe)
    destination = pictures.destination(chosen, force=force, as_json=as_json)
    with Line(chosen) as line:
        stream = pipeline.with_failure(pipeline.repainting(line, recipe, destination=destination))
        return pictures.show(stream, destination, as_json=as_json, timings=timings)


@gallery.command()
@click.argument("wanted", metavar="ID...", nargs=-1, required=True)
def remove(wanted: tuple[str, ...]) -> None:
    """Move pictures to the trash. `gallery restore` brings them back."""
    for each in wanted:
        click.echo(_open_gallery().remove(each).path)


@gallery.command()
@click.argument("wanted", metavar="ID...", nargs=-1, required=True)
def restore(wanted: tuple[str, ...]) -> None:
    """Restore pictures from the trash."""
    for each in wanted:
        click.echo(_open_gallery().restore(each).path)


@gallery.command()
@click.argument("wanted", metavar="ID...", nargs=-1, required=True)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--bare", is_flag=True, help="Leave the recipe, and with it the transcript, out of the copies.")
def export(wanted: tuple[str, ...], folder: Path, bare: bool) -> None:
    """Copy pictures to a folder under readable names."""
    for path in _open_gallery().export(wanted, folder, bare=bare):
        click.echo(path)


@gallery.command()
def rebuild() -> None:
    """Rebuild the index from the picture files."""
    rebuilt = _open_gallery().rebuild()
    click.echo(f"{rebuilt.pictures} pictures")
    for path in rebuilt.skipped:
        click.echo(f"no recipe in {path}", err=True)
