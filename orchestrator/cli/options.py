"""Flags shared by several verbs, made from `orchestrator.choices`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from orchestrator.choices import Hearing, PaintEngine, Painting, choices
from orchestrator.errors import Misuse
from orchestrator.settings import Settings, kinds

Verb = TypeVar("Verb", bound=Callable[..., Any])
Decorator = Callable[[Verb], Verb]


def setting(name: str, *short: str, **known: Any) -> Decorator[Any]:
    """Return the flag of a setting, with its type, values and help. Its value is None if it is not given."""
    kind, choice = kinds()[name], choices(Settings)[name]
    flag = f"--{name.replace('_', '-')}"
    text = f"{choice.help}{_limits_and_default(name)}"
    if kind is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", default=None, help=text, **known)
    types: dict[type, Any] = {Path: click.Path(path_type=Path)}
    form = click.Choice(choice.values) if choice.values else types.get(kind, kind)
    return click.option(flag, *short, type=form, metavar=choice.metavar, help=text, **known)


def _limits_and_default(name: str) -> str:
    """Return what a flag's help says in brackets; settings.toml and the environment can change the default."""
    choice, default = choices(Settings)[name], getattr(Settings, name)
    notes = [] if choice.most is None else [f"{choice.least:.12g} to {choice.most:.12g}"]
    if default is True:
        notes.append("default: on")
    elif default is None and name in choices(Painting) and name != "seed":
        notes.append("default: the model's")
    elif default is not False and default not in (None, ""):
        notes.append(f"default: {default:g}" if isinstance(default, float) else f"default: {default}")
    return f" [{'; '.join(notes)}]" if notes else ""


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
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")
timings = click.option("--timings", is_flag=True, help="Print the time each stage took.")
yes = click.option("--yes", is_flag=True, help="Do not ask.")


def confirm(count: int, what: str, command: str, *, yes: bool) -> None:
    """Ask before something is deleted; without a terminal, `command` must be used, which does not ask."""
    if not count or yes:
        return
    if not sys.stdin.isatty():
        raise Misuse(f"this deletes {what}", command)
    click.confirm(f"Delete {what}?", abort=True, err=True)
