"""The verb `gallery` and its subcommands."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import events, settings
from orchestrator.cli import options, pictures
from orchestrator.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.gallery import Gallery

LONGEST_PROMPT = 60  # characters in a line of a list


@click.group()
def gallery() -> None:
    """List, search and manage the pictures you have painted."""


def _open_gallery() -> Gallery:
    from orchestrator.gallery import Gallery

    return Gallery(settings.load().gallery)


def _print_pictures(found: Sequence[events.Kept], *, as_json: bool, otherwise: str = "") -> None:
    """Print one line for each picture; on stderr `otherwise`, where there are none."""
    for kept in found:
        click.echo(kept.to_json() if as_json else _line(kept))
    if not found and otherwise:
        click.echo(otherwise, err=True)


def _line(kept: events.Kept) -> str:
    recipe, prompt = kept.recipe, printable(kept.recipe.prompt)
    shown = prompt if len(prompt) <= LONGEST_PROMPT else f"{prompt[: LONGEST_PROMPT - 1]}…"
    return f"{kept.id}  {_local_time(recipe.made)}  {recipe.width}x{recipe.height}  {shown}"


def _local_time(made: str) -> str:
    try:
        return f"{datetime.fromisoformat(made).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:  # in a recipe that another program wrote
        return printable(made[:16])


limit = click.option("--limit", type=click.IntRange(min=1), help="Show at most this many.")
wanted = click.argument("wanted", metavar="ID")


@gallery.command("list")
@limit
@options.as_json
def list_(limit: int | None, as_json: bool) -> None:
    """List pictures, newest first."""
    _print_pictures(_open_gallery().list(limit), as_json=as_json, otherwise="there are no pictures yet")


@gallery.command()
@click.argument("words", nargs=-1, required=True)
@limit
@options.as_json
def search(words: tuple[str, ...], limit: int | None, as_json: bool) -> None:
    """Find pictures by words in the prompt or the transcript."""
    text = " ".join(words)
    _print_pictures(_open_gallery().search(text, limit), as_json=as_json, otherwise=f"no picture has the words: {text}")


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
@options.as_json
def trash(as_json: bool) -> None:
    """List the pictures in the trash, newest first."""
    _print_pictures(_open_gallery().trashed(), as_json=as_json, otherwise="the trash is empty")


@gallery.command()
@options.yes
def empty(yes: bool) -> None:
    """Delete the pictures in the trash for ever."""
    opened = _open_gallery()
    count = len(opened.trashed())
    options.confirm(count, f"{count} pictures", "audio-to-image gallery empty --yes", yes=yes)
    opened.empty_trash()
    click.echo(f"{count} pictures deleted")


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
