"""The verb `serve`."""

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
@click.option("--at-login/--no-at-login", default=None, help="Start the server at every login (macOS only).")
@options.setting("device")
def serve(opens: bool, at_login: bool | None, **flags: object) -> int:
    """Serve the studio page and an HTTP API, and keep models in memory for other verbs. Prints the page's address."""
    if at_login is not None:
        return _set_at_login(at_login)
    from orchestrator import studio

    studio.serve(settings.load(flags), lambda serving: _announce(serving, opens=opens))
    return 0


def _set_at_login(enabled: bool) -> int:
    from orchestrator import terminal
    from orchestrator.mac import agent
    from orchestrator.mac.shortcut import our_command

    stream = agent.install(our_command(), Path.home()) if enabled else agent.uninstall(Path.home())
    return terminal.show(stream, lambda _event: None)


def _announce(serving: Serving, *, opens: bool) -> None:
    click.echo(serving.url)
    click.echo("press Ctrl-C to stop", err=True)
    if serving.lost:
        click.echo(f"{serving.lost} jobs were lost when the last server stopped; the page lists them", err=True)
    if serving.recovered:
        click.echo(f"recovered {serving.recovered} interrupted recordings: audio-to-image recordings list", err=True)
    if opens:
        click.launch(serving.url)
