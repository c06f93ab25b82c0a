from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.recipe import MAX_BYTES, NotARecipe, Recipe

pytestmark = pytest.mark.quick

PLAIN = Recipe(
    prompt="a red house by the sea",
    seed=7,
    steps=20,
    guidance=7.5,
    sampler="dpm++2m",
    spacing="leading",
    width=512,
    height=512,
    model="demo",
    engine="onnx",
    compute_unit="cpu",
)
FULL = replace(
    PLAIN,
    versions={"audio-to-image": "0.1.0"},
    removed=("[BLANK_AUDIO]", "(music)"),
    strength=0.8,
    timings={"paint": 1.25},
    translate=True,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize("recipe", [PLAIN, FULL])
def test_a_recipe_survives_json(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.to_json()) == recipe


@given(TEXT, TEXT, st.integers(0, 2**32 - 1), st.lists(TEXT), st.floats(allow_nan=False, allow_infinity=False))
def test_any_words_and_numbers_survive_json(
    prompt: str, said: str, seed: int, removed: list[str], guidance: float
) -> None:
    recipe = replace(PLAIN, prompt=prompt, transcript=said, seed=seed, removed=tuple(removed), guidance=guidance)
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_recipe_is_one_line() -> None:
    assert "\n" not in replace(PLAIN, prompt="two\nlines").to_json()


def test_fields_of_a_later_version_are_ignored() -> None:
    later = json.loads(PLAIN.to_json()) | {"format": 99, "mood": "calm"}
    assert Recipe.from_json(json.dumps(later)) == PLAIN


def test_fields_of_an_earlier_version_are_left_empty() -> None:
    needed = {each.name for each in fields(Recipe)} & {"prompt", "seed", "steps", "guidance", "sampler", "spacing"}
    needed |= {"width", "height", "model", "engine", "compute_unit"}
    earlier = {name: value for name, value in asdict(PLAIN).items() if name in needed}
    assert Recipe.from_json(json.dumps(earlier)) == PLAIN


@pytest.mark.parametrize("name", ["prompt", "seed", "model"])
def test_a_recipe_that_lacks_a_required_field_is_refused(name: str) -> None:
    less = {field: value for field, value in asdict(PLAIN).items() if field != name}
    with pytest.raises(NotARecipe):
        Recipe.from_json(json.dumps(less))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompt", 7),
        ("prompt", "\ud800"),
        ("seed", "7"),
        ("seed", True),
        ("seed", 2**64),
        ("guidance", "warm"),
        ("guidance", None),
        ("strength", [1]),
        ("removed", "all of it"),
        ("versions", {"python": 3}),
        ("timings", {"paint": "long"}),
        ("translate", 1),
    ],
)
def test_a_field_of_the_wrong_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(NotARecipe):
        Recipe.from_json(json.dumps(asdict(PLAIN) | {name: value}))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{", "7" * 5000, "[" * 200_000, '{"seed": NaN}', "x" * (MAX_BYTES + 1)]
)
def test_hostile_json_is_refused_in_one_way(text: str) -> None:
    with pytest.raises(NotARecipe):
        Recipe.from_json(text)


def test_infinite_guidance_is_refused() -> None:
    with pytest.raises(NotARecipe):
        Recipe.from_json(PLAIN.to_json().replace("7.5", "Infinity"))


@given(ANY_JSON)
def test_any_json_is_a_recipe_or_refused(value: object) -> None:
    with contextlib.suppress(NotARecipe):
        Recipe.from_json(json.dumps(value))
