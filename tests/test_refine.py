"""Refining by voice: what a sentence does to the prompt before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.refine import Again, Amend, Undo, refine

pytestmark = pytest.mark.quick

BOAT = "a red sailboat on the sea at sunset"


def amended(sentence: str, prompt: str = BOAT) -> str:
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
def test_what_a_sentence_says_replaces_what_the_prompt_says_of_it(sentence: str, prompt: str) -> None:
    assert amended(sentence) == prompt


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
def test_what_the_prompt_says_nothing_of_is_added(sentence: str, prompt: str) -> None:
    assert amended(sentence) == prompt


def test_nothing_contradictory_piles_up() -> None:
    prompt = BOAT
    for sentence in ("make it night", "make it rain", "make it noon", "make it cloudy", "now by the mountains"):
        prompt = amended(sentence, prompt)
    assert prompt == "a red sailboat by the mountains at noon with clouds"


def test_what_was_said_can_be_taken_out() -> None:
    assert amended("now without the rain", "a red car in the forest in the rain") == "a red car in the forest"


def test_the_words_that_ask_for_a_picture_stay_before_it() -> None:
    prompt = "please paint a lighthouse by the sea"
    assert amended("make it green", prompt) == "please paint a green lighthouse by the sea"


@pytest.mark.parametrize("sentence", ["again", "Again!", "once more, please", "another one"])
def test_again_is_a_new_seed(sentence: str) -> None:
    assert refine(sentence, BOAT) == Again()


@pytest.mark.parametrize("sentence", ["undo", "Undo that.", "go back"])
def test_undo_goes_back(sentence: str) -> None:
    assert refine(sentence, BOAT) == Undo()


@pytest.mark.parametrize("sentence", ["a cat in the snow", "now", "nowhere to go", "a blue car again", ""])
def test_any_other_sentence_stands_for_itself(sentence: str) -> None:
    assert refine(sentence, BOAT) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_words_are_taken(sentence: str, prompt: str) -> None:
    refine(sentence, prompt)
    refine(f"now {sentence}", prompt)


@given(st.sampled_from(["make it night", "make it blue", "now in the desert", "make it rain", "make it bigger"]))
def test_refining_twice_is_refining_once(sentence: str) -> None:
    once = amended(sentence)
    assert amended(sentence, once) == once
