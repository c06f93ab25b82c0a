"""The verb `recordings` and its subcommands."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from orchestrator import recordings as kept
from orchestrator import settings
from orchestrator.cli import line, options

wanted = click.argument("wanted", metavar="ID")


@click.group()
def recordings() -> None:
    """Show which recordings are still here and why, and use or delete them. An ID is a name or a part of one."""


def _folder() -> Path:
    return settings.load().recordings


def _print(recording: kept.Recording, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(recording), default=str, ensure_ascii=False))
        return
    length = "" if recording.seconds is None else f"{recording.seconds:.1f} s"
    click.echo(f"{recording.id}  {recording.made:%Y-%m-%d %H:%M}  {length:>8}  {recording.why}")


@recordings.command("list")
@options.as_json
def list_(as_json: bool) -> None:
    """List recordings, oldest first, each with the reason why it is still here."""
    for each in kept.present(_folder()):
        _print(each, as_json=as_json)


@recordings.command()
@wanted
@options.as_json
def show(wanted: str, as_json: bool) -> None:
    """Show a recording's path, and why it is still here."""
    found = kept.find(_folder(), wanted)
    if not as_json:
        click.echo(found.path)
    _print(found, as_json=as_json)


@recordings.command()
@wanted
@click.pass_context
def hear(context: click.Context, wanted: str) -> int:
    """Transcribe a recording. It stays. `audio-to-image hear FILE` has more flags."""
    found = kept.find(_folder(), wanted)
    return int(line.hear.main([str(found.path)], standalone_mode=False, parent=context) or 0)


@recordings.command()
@wanted
@click.pass_context
def paint(context: click.Context, wanted: str) -> int:
    """Turn a recording into a picture. `audio-to-image picture FILE` has more flags."""
    found = kept.find(_folder(), wanted)
    return int(line.picture.main([str(found.path)], standalone_mode=False, parent=context) or 0)


@recordings.command()
@click.argument("wanted", metavar="ID...", nargs=-1, required=True)
def remove(wanted: tuple[str, ...]) -> None:
    """Delete recordings."""
    found = [kept.find(_folder(), each) for each in wanted]
    kept.remove(found)
    for each in found:
        click.echo(each.path)


@recordings.command()
@options.yes
def empty(yes: bool) -> None:
    """Delete all recordings."""
    found = kept.present(_folder())
    options.confirm(len(found), f"{len(found)} recordings", "audio-to-image recordings empty --yes", yes=yes)
    kept.remove(found)
    click.echo(f"{len(found)} recordings deleted")
