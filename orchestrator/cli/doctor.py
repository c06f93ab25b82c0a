"""The verb `doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from orchestrator import settings
from orchestrator.cli import options


@click.command()
@options.as_json
def doctor(as_json: bool) -> int:
    """Check what works on this machine and print a fix for what does not. Exits with 0 if `talk` will work."""
    from orchestrator.doctor import examine

    works = True
    for found in examine(settings.load()):
        works = works and found.state != "fail"
        hint = f"\n{'':16}try: {found.hint}" if found.hint else ""
        click.echo(json.dumps(asdict(found)) if as_json else f"{found.state:<5}{found.name:<14} {found.text}{hint}")
    return 0 if works else 1
