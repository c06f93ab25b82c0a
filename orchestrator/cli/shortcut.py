"""The verb `shortcut` and its subcommands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.events import Event
    from orchestrator.mac.shortcut import Shortcut

quick_action = click.option(
    "--quick-action", is_flag=True, help="Use the Quick Action for recordings in Finder instead."
)
folder = click.option("--output", "-o", type=click.Path(path_type=Path), default=Path(), help="The folder to write to.")


@click.group()
def shortcut() -> None:
    """Install, export or remove the macOS Shortcut."""


@shortcut.command()
@quick_action
def install(quick_action: bool) -> int:
    """Sign the shortcut, open it in Shortcuts and wait until you have added it."""
    from orchestrator.mac import shortcut

    return _show(shortcut.install(_variant(quick_action), _folder(), shortcut.our_command()))


@shortcut.command()
@quick_action
@folder
def export(quick_action: bool, output: Path) -> None:
    """Write the shortcut's file to a folder and print its path. The file is signed only on a Mac."""
    from orchestrator.mac import shortcut

    click.echo(shortcut.export(_variant(quick_action), output, shortcut.our_command()))


@shortcut.command()
@quick_action
def uninstall(quick_action: bool) -> int:
    """Remove the shortcut's file. You delete the shortcut itself in the Shortcuts app."""
    from orchestrator.mac import shortcut

    return _show(shortcut.uninstall(_variant(quick_action), _folder()))


def _variant(quick_action: bool) -> Shortcut:
    from orchestrator.mac import shortcut

    return shortcut.QUICK_ACTION if quick_action else shortcut.TALKING


def _folder() -> Path:
    return settings.load().data / "shortcuts"


def _show(stream: Iterator[Event]) -> int:
    from orchestrator import terminal

    return terminal.show(stream, lambda _event: None)
