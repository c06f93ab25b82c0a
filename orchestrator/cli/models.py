"""The verbs about models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import events, settings
from orchestrator.cli import commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.events import Event


@commands.group()
def models() -> None:
    """Which models there are, and which are here."""


@models.command()
@click.argument("source", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(["onnx", "coreml"]), required=True, help="The runtime to convert for.")
@click.option("--palettize", type=int, metavar="BITS", help="Bits a weight; 6 looks nearly the same (Core ML only).")
@click.option("--weights", type=click.Choice(["fp16", "fp32"]), default="fp16", help="How ONNX files store weights.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="The new model's folder.")
def convert(source: Path, to: str, palettize: int | None, weights: str, output: Path | None) -> int:
    """Convert a Stable Diffusion model in diffusers' format; prints the new folder."""
    from orchestrator import pipeline, terminal
    from orchestrator.convert import convert

    target = output or settings.load().models / f"{source.resolve().name}-{to}"

    def told() -> Iterator[Event]:
        for progress in convert(source, target, to=to, palettize=palettize, weights=weights):
            what = f"{progress.piece}: {progress.what}"
            yield events.Working(what=what, index=progress.index, count=progress.count)

    code = terminal.show(pipeline.told(told()), lambda _event: None)
    if code == 0:
        click.echo(target)
    return code
