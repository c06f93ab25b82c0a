"""The choices a user can make, each with one spelling for settings, flags, API fields and recipes.

A choice is a dataclass field with its help, limits and values. Settings, command-line flags, the API's fields and
schema, and what a painter gets are made from these classes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from orchestrator.errors import Misuse

HEARERS = ("whisper", "whisper-cli")
ENGINES = ("coreml", "onnx", "openvino", "apple")
COMPUTE_UNITS = ("auto", "cpu", "gpu", "ne", "all")
SAMPLERS = ("dpm++2m", "pndm", "euler", "euler-a", "ddim", "lcm")
SPACINGS = ("leading", "trailing", "linspace", "karras")
MAX_CHARACTERS = 10_000  # of a prompt
MAX_STEPS = 1_000
MAX_COUNT = 1_000
MAX_SEED = 2**32 - 1  # of numpy's RandomState
MAX_THREADS = 1024
LANGUAGES = (
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar", "sv", "it", "id", "hi", "fi",
    "vi", "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur", "hr", "bg", "lt", "la", "mi", "ml",
    "cy", "sk", "te", "fa", "lv", "bn", "sr", "az", "sl", "kn", "et", "mk", "br", "eu", "is", "hy", "ne", "mn", "bs",
    "kk", "sq", "sw", "gl", "mr", "pa", "si", "km", "sn", "yo", "so", "af", "oc", "ka", "be", "tg", "sd", "gu", "am",
    "yi", "lo", "uz", "fo", "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln",
    "ha", "ba", "jw", "su", "yue",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A field's help and the values it takes."""

    help: str
    metavar: str | None = None
    least: float | None = None
    most: float | None = None
    values: tuple[str, ...] = ()


def choice(default: Any, help: str, **known: Any) -> Any:  # noqa: A002 - the field's own name
    """Return a dataclass field that is a choice."""
    return field(default=default, metadata={"choice": Choice(help=help, **known)})


def choices(kind: type) -> Mapping[str, Choice]:
    """Return the Choice of each field of a class that has one."""
    found = {each.name: each.metadata["choice"] for each in fields(kind) if "choice" in each.metadata}
    return MappingProxyType(found)


def check(chosen: Any) -> None:
    """Raise Misuse for the first field with a value that its choice does not allow; None is always allowed."""
    for name, known in choices(type(chosen)).items():
        value = getattr(chosen, name)
        if value is None:
            continue
        if known.values and value not in known.values:
            raise Misuse(f"there is no {name.replace('_', ' ')} {value!r}", f"choose one of: {', '.join(known.values)}")
        if known.least is not None:
            check_range(name, value, known.least, known.most, _hint(name, getattr(type(chosen), name), known))


def check_range(
    name: str, value: float, least: float, most: float | None, hint: str = "audio-to-image paint --help explains it"
) -> None:
    """Raise Misuse if a number is outside its limits."""
    if most is None:
        if not least <= value < math.inf:  # without isfinite, which overflows for a huge int
            raise Misuse(f"{name} must be {least:g} or more, not {value!s:.40}", hint)
    elif not least <= value <= most:
        limits = f"between {least:.12g} and {most:.12g}"
        raise Misuse(f"{name} must be {limits}, not {value!s:.40}", hint)


def _hint(name: str, default: object, known: Choice) -> str:
    if default is None:
        return f"audio-to-image paint --help explains {name}"
    return f"{default} is usual" if known.most is None else f"--{name.replace('_', '-')} {default}"


def is_text(text: str) -> bool:
    """Return whether a text holds neither a NUL nor half a character (a lone surrogate)."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def random_seed(count: int) -> int:
    """Return a random seed that leaves room for those of `count` pictures."""
    return random.randrange(MAX_SEED - count + 2)


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """How speech is heard."""

    hearer: str = choice("auto", "The speech recognizer.", values=("auto", *HEARERS))
    speech_model: str = choice(
        "", "The speech model: a name or a file.", metavar="NAME"
    )  # empty: the full, else the demo model
    language: str = choice("auto", "The spoken language's code, such as en; auto detects it.", metavar="CODE")
    translate: bool = choice(False, "Translate the speech into English.")
    initial_prompt: str = choice("", "Words to expect, such as names or a style of writing.", metavar="WORDS")


@dataclass(frozen=True, kw_only=True)
class PaintEngine:
    """Which engine and model paint."""

    engine: str = choice("auto", "The runtime of the picture model.", values=("auto", *ENGINES))
    model: str = choice(
        "", "The picture model: a name or a folder.", metavar="NAME"
    )  # empty: the full, else the demo model
    compute_unit: str = choice("auto", "Where Core ML runs.", values=COMPUTE_UNITS)
    batch: int = choice(1, "Pictures per network call: more take more memory, and may differ in the last bits.",
                        least=1, most=64)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Painting:
    """How a picture is painted; None leaves a choice to the model."""

    negative: str = choice("", "What the picture should not show.", metavar="WORDS")
    seed: int | None = choice(None, "The same seed gives the same picture; random by default.", least=0, most=MAX_SEED)
    steps: int | None = choice(None, "Denoising steps: more take longer and look finer.", least=1, most=MAX_STEPS)
    guidance: float | None = choice(None, "How closely to follow the prompt.", least=0, most=100)
    sampler: str | None = choice(None, "The sampler that removes the noise.", values=SAMPLERS)
    spacing: str | None = choice(None, "How steps are spaced over the noise levels.", values=SPACINGS)
    count: int = choice(1, "How many pictures; picture k has seed + k.", least=1, most=MAX_COUNT)
    strength: float = choice(
        0.8, "How far to depart from the starting picture: 0 keeps it, 1 ignores it.", least=0, most=1
    )

    def __post_init__(self) -> None:
        check(self)
        if self.seed is not None:
            check_range("seed", self.seed, 0, MAX_SEED - self.count + 1)
