"""Flags that several verbs share, in the one spelling that settings and recipes have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from orchestrator.hear.speech import HEARERS
from orchestrator.paint import COMPUTE_UNITS, PAINTERS, SAMPLERS, SPACINGS

Verb = TypeVar("Verb", bound=Callable[..., Any])
Decorator = Callable[[Verb], Verb]


def _group(*options: Decorator[Any]) -> Decorator[Any]:
    def decorate(verb: Verb) -> Verb:
        for option in reversed(options):
            verb = option(verb)
        return verb

    return decorate


_hearer = click.option("--hearer", type=click.Choice(["auto", *HEARERS]), help="The program that hears.")
_speech_model = click.option("--speech-model", metavar="NAME", help="A speech model's name or file.")
_threads = click.option("--threads", type=int, metavar="N", help="Processor threads; 0 chooses.")

hearing = _group(
    _hearer,
    _speech_model,
    click.option("--language", metavar="CODE", help="The language spoken, such as en; auto detects it."),
    click.option("--translate/--no-translate", default=None, help="Translate what is heard to English."),
    click.option("--initial-prompt", metavar="WORDS", help="Words to expect: names, a style of writing."),
)
painting = _group(
    click.option("--engine", type=click.Choice(["auto", *PAINTERS]), help="The runtime that paints."),
    click.option("--model", metavar="NAME", help="A picture model's name or folder."),
    click.option("--compute-unit", type=click.Choice(COMPUTE_UNITS), help="Where Core ML runs."),
    click.option("--negative", metavar="WORDS", help="What the picture should not show."),
    click.option("--seed", type=int, help="The same seed paints the same picture; a new one each time otherwise."),
    click.option("--steps", type=int, help="More steps take longer and look finer."),
    click.option("--guidance", type=float, help="How closely to follow the words."),
    click.option("--sampler", type=click.Choice(SAMPLERS), help="How noise is taken away."),
    click.option("--spacing", type=click.Choice(SPACINGS), help="How the steps are spread over the noise."),
    click.option("--count", type=int, help="How many pictures; picture k has seed + k."),
    click.option("--image", default="", metavar="FILE|ID", help="Paint from a picture: a file, or one of the gallery."),
    click.option("--strength", type=float, help="How far from that picture: 0 is the same, 1 is anew."),
    _threads,
)
recording = _group(
    click.option("--seconds", type=float, help="The longest recording."),
    click.option("--device", metavar="ID", help="The microphone; `audio-to-image devices` lists them."),
)
output = click.option("--output", "-o", type=click.Path(path_type=Path), help="A file or a folder for the result.")
keep_audio = click.option("--keep-audio/--no-keep-audio", default=None, help="Keep the recording too.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one a line.")
timings = click.option("--timings", is_flag=True, help="Tell where the time went, stage by stage.")
