"""Values from JSON and text, checked against type hints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import typed

pytestmark = pytest.mark.quick

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@dataclass(frozen=True, kw_only=True)
class Inner:
    path: str
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    shape: tuple[int, int] = (1, 1)
    words: tuple[str, ...] | None = None
    sizes: Mapping[str, float] | None = None
    inner: tuple[Inner, ...] = ()


def test_lists_become_tuples_and_objects_become_dataclasses() -> None:
    values = {"name": "a", "shape": [2, 3], "words": ["b"], "sizes": {"c": 1}, "inner": [{"path": "d"}], "later": 1}
    expected = Outer(name="a", shape=(2, 3), words=("b",), sizes={"c": 1.0}, inner=(Inner(path="d"),))
    assert typed.build(Outer, values) == expected


@pytest.mark.parametrize(
    "values",
    [
        [],
        {"name": 1},
        {"name": "\ud800"},
        {"name": "a", "shape": [1]},
        {"name": "a", "shape": [1, True]},
        {"name": "a", "shape": [1, 2**64]},
        {"name": "a", "words": "bc"},
        {"name": "a", "sizes": {"c": float("nan")}},
        {"name": "a", "inner": [{"size": 1}]},
        {"name": None},
    ],
)
def test_a_value_of_another_type_is_refused(values: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        typed.build(Outer, values)


@given(st.dictionaries(st.sampled_from(["name", "shape", "words", "sizes", "inner"]), JSON))
def test_any_json_is_built_or_refused(values: dict[str, Any]) -> None:
    try:
        built = typed.build(Outer, values)
    except (TypeError, ValueError):
        return
    assert isinstance(built.name, str)
    assert len(built.shape) == 2


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("yes", bool, True),
        ("0", bool, False),
        ("5", int, 5),
        ("5", float, 5.0),
        ("a", str, "a"),
        ("b", Path, Path("b")),
    ],
)
def test_text_is_read_as_a_type(text: str, kind: type, value: object) -> None:
    assert typed.parse(text, kind) == value


@pytest.mark.parametrize(("text", "kind"), [("maybe", bool), ("five", int), (5.5, int), ([], str), ("a\0b", Path)])
def test_text_that_is_not_of_the_type_is_refused(text: object, kind: type) -> None:
    with pytest.raises((TypeError, ValueError)):
        typed.parse(text, kind)
