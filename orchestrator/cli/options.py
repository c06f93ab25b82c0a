"""Flags shared by several verbs, made from `orchestrator.choices`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from orchestrator.choices import Hearing, PaintEngine, Painting, choices
from orchestrator.settings import Settings, kinds

Verb = TypeVar("Verb", bound=Callable[..., Any])
Decorator = Callable[[Verb], Verb]


def setting(name: str, *short: str, **known: Any) -> Decorator[Any]:
    """Return the flag of a setting, with its type, values and help. Its value is None if it is not given."""
    kind, choice = kinds()[name], choices(Settings)[name]
    flag = f"--{name.replace('_', '-')}"
    if kind is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", default=None, help=choice.help, **known)
    types: dict[type, Any] = {Path: click.Path(path_type=Path)}
    form = click.Choice(choice.values) if choice.values else types.get(kind, kind)
    return click.option(flag, *short, type=form, metavar=choice.metavar, help=choice.help, **known)


def _combine(*options: Decorator[Any]) -> Decorator[Any]:
    def decorate(verb: Verb) -> Verb:
        for option in reversed(options):
            verb = option(verb)
        return verb

    return decorate


threads = setting("threads")
hearing = _combine(*map(setting, choices(Hearing)))
painting = _combine(
    *map(setting, choices(PaintEngine)),
    *map(setting, choices(Painting)),
    click.option("--image", default="", metavar="FILE|ID", help="Start from a picture: a file or a gallery id."),
    threads,
)
recording = _combine(setting("seconds"), setting("device"))
output = _combine(
    setting("output", "-o"),
    click.option("--force", is_flag=True, help="Overwrite existing files."),
    setting("keep"),
)
keep_audio = setting("keep_audio")
as_json = click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one per line.")
timings = click.option("--timings", is_flag=True, help="Print the time each stage took.")
