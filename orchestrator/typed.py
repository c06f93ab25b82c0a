"""Values from JSON, TOML and the environment, checked against type hints.

A hint is str, int, float, bool, Path, a dataclass, `tuple[X, ...]`, `tuple[X, Y]`, `Mapping[str, X]`, or one of these
`| None`. Every function here raises TypeError or ValueError for a value that does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

NAMES: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}
TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def build(kind: type[T], values: object) -> T:
    """Make a dataclass from a JSON object; names that it has no field for are ignored."""
    if not isinstance(values, dict):
        raise TypeError(f"{values!r:.50} is not an object")
    known = hints(kind)  # type: ignore[arg-type] # classes are hashable
    return kind(**{name: check(values[name], hint) for name, hint in known.items() if name in values})


@cache
def hints(kind: type) -> Mapping[str, Any]:
    """Return the resolved type hint of each field of a dataclass."""
    found = get_type_hints(kind)
    return {each.name: found[each.name] for each in fields(kind)}


def check(value: Any, hint: Any) -> Any:
    """Return a JSON value as its hint's type: lists become tuples, whole numbers become floats where the hint is float.

    Text must be valid Unicode, whole numbers must fit into 64 bits, and other numbers must be finite.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return None if value is None and NoneType in inner else check(value, plain(hint))
    if origin is tuple:
        return _tuple(value, inner)
    if origin is not None:
        if not isinstance(value, dict):
            raise TypeError(f"{value!r:.50} is not an object")
        return {check(key, inner[0]): check(item, inner[1]) for key, item in value.items()}
    return build(hint, value) if isinstance(hint, type) and is_dataclass(hint) else _scalar(value, hint)


def plain(hint: Any) -> Any:
    """Return the hint without `| None`."""
    return next((each for each in get_args(hint) if each is not NoneType), hint) if _is_union(hint) else hint


def parse(value: object, kind: type) -> Any:
    """Return a value as a type, also where a person wrote it as text: "yes", "5", "~/pictures"."""
    if kind is bool:
        try:
            return TRUTHS[str(value).lower()]
        except KeyError as error:
            raise ValueError(f"{value!r:.50} is not {NAMES[bool]}") from error
    if isinstance(value, bool | list | dict) or (kind is int and isinstance(value, float)):
        raise TypeError(f"{value!r:.50} is not {NAMES[kind]}")
    if kind is Path:
        return _path(str(value))
    try:
        return kind(value)
    except OverflowError as error:
        raise ValueError(f"{value!r:.50} is too large") from error


def _tuple(value: Any, inner: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r:.50} is not a list")
    if inner[-1] is Ellipsis:
        return tuple(check(item, inner[0]) for item in value)
    if len(value) != len(inner):
        raise ValueError(f"{value!r:.50} has {len(value)} items, not {len(inner)}")
    return tuple(check(item, hint) for item, hint in zip(value, inner, strict=True))


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType)


def _scalar(value: Any, kind: type) -> Any:
    accepted: Any = int | float if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r:.50} is not {NAMES[kind]}")
    if kind is str:
        value.encode()  # fails for half a character, which no database or file takes
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{value!r:.50} is too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value!r:.50} is not a finite number")
    return kind(value)


def _path(text: str) -> Path:
    if "\0" in text:
        raise ValueError(f"{text!r:.50} is not a path")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # the home of an unknown user
        raise ValueError(str(error)) from error
