"""The verbs of the macOS Shortcut."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.events import Event
    from orchestrator.mac.shortcut import Shortcut

quick_action = click.option("--quick-action", is_flag=True, help="The one for recordings in Finder.")
folder = click.option("--output", "-o", type=click.Path(path_type=Path), default=Path(), help="The folder to write to.")


@click.group()
def shortcut() -> None:
    """The macOS Shortcut: install, export, uninstall."""


@shortcut.command()
@quick_action
def install(quick_action: bool) -> int:
    """Sign the shortcut, open it for your click, and wait until Shortcuts has it."""
    from orchestrator.mac import shortcut

    return _show(shortcut.install(_which(quick_action), _folder(), shortcut.our_command()))


@shortcut.command()
@quick_action
@folder
def export(quick_action: bool, output: Path) -> None:
    """Write the shortcut's file into a folder; prints its path. It is signed on a Mac only."""
    from orchestrator.mac import shortcut

    click.echo(shortcut.export(_which(quick_action), output, shortcut.our_command()))


@shortcut.command()
@quick_action
def uninstall(quick_action: bool) -> int:
    """Remove the shortcut's file; the app alone can delete the shortcut."""
    from orchestrator.mac import shortcut

    return _show(shortcut.uninstall(_which(quick_action), _folder()))


def _which(quick_action: bool) -> Shortcut:
    from orchestrator.mac import shortcut

    return shortcut.QUICK_ACTION if quick_action else shortcut.TALKING


def _folder() -> Path:
    return settings.load().data / "shortcuts"


def _show(stream: Iterator[Event]) -> int:
    from orchestrator import terminal

    return terminal.show(stream, lambda _event: None)
