"""The verb that serves the studio."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import settings
from orchestrator.cli import options

if TYPE_CHECKING:
    from orchestrator.studio import Serving


@click.command()
@options.setting("port")
@options.setting("host")
@options.setting("token")
@options.setting("idle")
@click.option("--open/--no-open", "opens", default=False, help="Open the page in the browser.")
@options.setting("speech_model")
@options.setting("model")
@click.option("--at-login/--no-at-login", default=None, help="Have macOS start it at login, or no longer.")
@options.setting("device")
def serve(opens: bool, at_login: bool | None, **flags: object) -> int:
    """Keep the engines warm; serve the studio's page and an HTTP API on this machine. Prints the page's address."""
    if at_login is not None:
        return _at_login(at_login)
    from orchestrator import studio

    studio.serve(settings.load(flags), lambda serving: _tell(serving, opens=opens))
    return 0


def _at_login(wanted: bool) -> int:
    from orchestrator import terminal
    from orchestrator.mac import agent
    from orchestrator.mac.shortcut import our_command

    stream = agent.install(our_command(), Path.home()) if wanted else agent.uninstall(Path.home())
    return terminal.show(stream, lambda _event: None)


def _tell(serving: Serving, *, opens: bool) -> None:
    click.echo(serving.url)
    click.echo("Ctrl-C ends it", err=True)
    if serving.lost:
        click.echo(
            f"{serving.lost} jobs were cut short by the end of an earlier server: the page tells which", err=True
        )
    if serving.recovered:
        click.echo(f"{serving.recovered} recordings cut short are kept: audio-to-image picture FILE", err=True)
    if opens:
        click.launch(serving.url)
