"""What a spoken sentence does to the last prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.refine import Again, Amend, Undo, refine

pytestmark = pytest.mark.quick

BOAT = "a red sailboat on the sea at sunset"


def amend(sentence: str, prompt: str = BOAT) -> str:
    refinement = refine(sentence, prompt)
    assert isinstance(refinement, Amend)
    return refinement.prompt


@pytest.mark.parametrize(
    ("sentence", "prompt"),
    [
        ("Make it night.", "a red sailboat on the sea at night"),
        ("now under the stars", "a red sailboat on the sea under the stars"),
        ("the same, but at noon", "a red sailboat on the sea at noon"),
        ("now in the desert", "a red sailboat in the desert at sunset"),
        ("now in the snow", "a red sailboat in the snow at sunset"),
        ("make it blue", "a blue sailboat on the sea at sunset"),
        ("now make it orange", "an orange sailboat on the sea at sunset"),
        ("the same but blue at night", "a blue sailboat on the sea at night"),
        ("make it a castle", "a castle on the sea at sunset"),
    ],
)
def test_a_change_replaces_the_same_property_in_the_prompt(sentence: str, prompt: str) -> None:
    assert amend(sentence) == prompt


@pytest.mark.parametrize(
    ("sentence", "prompt"),
    [
        ("make it bigger", "a big red sailboat on the sea at sunset"),
        ("make it snow", "a red sailboat on the sea at sunset with falling snow"),
        ("now on the left", "a red sailboat on the sea at sunset on the left"),
        ("now with a dragon", "a red sailboat on the sea at sunset, with a dragon"),
        ("make it a watercolor painting", "a red sailboat on the sea at sunset, a watercolor painting"),
    ],
)
def test_a_new_property_is_added(sentence: str, prompt: str) -> None:
    assert amend(sentence) == prompt


def test_repeated_changes_do_not_accumulate() -> None:
    prompt = BOAT
    for sentence in ("make it night", "make it rain", "make it noon", "make it cloudy", "now by the mountains"):
        prompt = amend(sentence, prompt)
    assert prompt == "a red sailboat by the mountains at noon with clouds"


def test_a_property_can_be_removed() -> None:
    assert amend("now without the rain", "a red car in the forest in the rain") == "a red car in the forest"


def test_words_that_ask_for_a_picture_stay_in_front() -> None:
    prompt = "please paint a lighthouse by the sea"
    assert amend("make it green", prompt) == "please paint a green lighthouse by the sea"


@pytest.mark.parametrize("sentence", ["again", "Again!", "once more, please", "another one"])
def test_again_is_recognized(sentence: str) -> None:
    assert refine(sentence, BOAT) == Again()


@pytest.mark.parametrize("sentence", ["undo", "Undo that.", "go back"])
def test_undo_is_recognized(sentence: str) -> None:
    assert refine(sentence, BOAT) == Undo()


@pytest.mark.parametrize("sentence", ["a cat in the snow", "now", "nowhere to go", "a blue car again", ""])
def test_any_other_sentence_is_a_new_prompt(sentence: str) -> None:
    assert refine(sentence, BOAT) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_accepted(sentence: str, prompt: str) -> None:
    refine(sentence, prompt)
    refine(f"now {sentence}", prompt)


@given(st.sampled_from(["make it night", "make it blue", "now in the desert", "make it rain", "make it bigger"]))
def test_refining_twice_changes_nothing(sentence: str) -> None:
    once = amend(sentence)
    assert amend(sentence, once) == once
