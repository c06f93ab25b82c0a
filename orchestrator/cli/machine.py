"""The verbs `devices` and `completion`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from click.shell_completion import get_completion_class

from orchestrator.cli import options

PROGRAM = "audio-to-image"


@click.command()
@options.as_json
def devices(as_json: bool) -> None:
    """List microphones, with the ids that --device takes."""
    from orchestrator.record import devices as microphones

    for each in microphones():
        mark = " (default)" if each.default else ""
        click.echo(json.dumps(asdict(each)) if as_json else f"{each.id}\t{each.name}{mark}")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell. To use it: eval "$(audio-to-image completion bash)"."""
    complete = get_completion_class(shell)
    if complete:
        commands = click.get_current_context().find_root().command
        click.echo(complete(commands, {}, PROGRAM, "_AUDIO_TO_IMAGE_COMPLETE").source())
