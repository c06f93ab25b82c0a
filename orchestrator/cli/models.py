"""The verb `models` and its subcommands."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import events, settings
from orchestrator.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.events import Event


@click.group()
def models() -> None:
    """List, fetch and manage models."""


names = click.argument("names", nargs=-1, metavar="NAME...")


def _show(stream: Iterator[Event], *, as_json: bool = False) -> int:
    """Show progress and print the path of each model."""
    from orchestrator import terminal
    from orchestrator.line import pipeline

    return terminal.show(
        pipeline.with_failure(stream),
        lambda event: str(event.path) if isinstance(event, events.ModelHere) else None,
        as_json=as_json,
    )


@models.command("list")
@options.as_json
def list_(as_json: bool) -> None:
    """List the known models. Installed ones are marked with *."""
    from orchestrator import catalogue

    here = {each.name for each in catalogue.installed(settings.load())}
    for model in catalogue.load().models:
        if as_json:
            click.echo(json.dumps(asdict(model) | {"here": model.name in here}))
        else:
            mark = "*" if model.name in here else " "
            size = model.size or ("" if model.demo else "unknown")
            click.echo(f"{mark} {model.name:<34} {model.kind:<8} {size:<9} {model.good_for}")


@models.command()
@names
@click.option("--renew", is_flag=True, help="Accept files that differ from those fetched before.")
@options.as_json
def get(names: tuple[str, ...], renew: bool, as_json: bool) -> int:
    """Fetch models and print their paths. Without names, fetches the full models for this machine."""
    from orchestrator.line import library

    return _show(library.get(names, settings.load(), renew=renew), as_json=as_json)


@models.command()
@names
@options.as_json
def verify(names: tuple[str, ...], as_json: bool) -> int:
    """Check every file of models against its checksum. Without names, checks every fetched model."""
    from orchestrator.line import library

    return _show(library.verify(names, settings.load()), as_json=as_json)


@models.command()
@click.argument("names", nargs=-1, metavar="NAME...", required=True)
def remove(names: tuple[str, ...]) -> int:
    """Delete models from this machine."""
    from orchestrator.line import library

    return _show(library.remove(names, settings.load()))


@models.command()
@click.argument("names", nargs=-1, metavar="NAME...", required=True)
def where(names: tuple[str, ...]) -> None:
    """Print the paths of models on this machine."""
    from orchestrator import catalogue

    for name in names:
        click.echo(catalogue.where(catalogue.load().find(name), settings.load()).path)


@models.command()
@click.argument("out", type=click.Path(path_type=Path))
@names
def bundle(out: Path, names: tuple[str, ...]) -> int:
    """Pack installed models into one file, for a machine without a network."""
    from orchestrator.line import library

    code = _show(library.make_bundle(names, out, settings.load()))
    if code == 0:
        click.echo(out)
    return code


@models.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.as_json
def add(file: Path, as_json: bool) -> int:
    """Install the models in a bundle and print their paths."""
    from orchestrator.line import library

    return _show(library.add_bundle(file, settings.load()), as_json=as_json)


@models.command()
@click.argument("source", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(["onnx", "coreml"]), required=True, help="The runtime to convert for.")
@click.option("--palettize", type=int, metavar="BITS", help="Bits per weight; 6 looks nearly the same (Core ML only).")
@click.option("--weights", type=click.Choice(["fp16", "fp32"]), default="fp16", help="The weights' type in ONNX files.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="The new model's folder.")
def convert(source: Path, to: str, palettize: int | None, weights: str, output: Path | None) -> int:
    """Convert a Stable Diffusion model in diffusers' format and print the new folder."""
    from orchestrator.convert import convert

    target = output or settings.load().models / f"{source.resolve().name}-{to}"
    code = _show(convert(source, target, to=to, palettize=palettize, weights=weights))
    if code == 0:
        click.echo(target)
    return code
