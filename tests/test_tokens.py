"""CLIP's tokens beside those of the reference tokenizer; tests/data/clip is a slice of its real vocabulary."""

import json
import shutil
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import AudioToImageError
from orchestrator.paint.tokens import ClipTokenizer, unknown_words

pytestmark = pytest.mark.quick

CLIP = Path(__file__).parent / "data" / "clip"
PADDINGS = {"!": 0, "<|endoftext|>": 49407}  # of Stable Diffusion 2 and 1
# What transformers' CLIPTokenizer gives with Stable Diffusion 2.1's settings and CLIP's whole vocabulary.
VECTORS = {
    "a dog, a cat. wow!": "49406 320 1929 267 320 2368 269 2781 0 49407",
    "café naïve": "49406 15304 1097 35689 563 49407",
    "it's 35mm f/1.8, (masterpiece:1.2)": (
        "49406 585 568 274 276 2848 325 270 272 269 279 267 263 12066 281 272 269 273 264 49407"
    ),
    "wow!!! great": "49406 2781 0 0 0 830 49407",
    "naïve  double  space\nnewline": "49406 1097 35689 563 3200 2138 1218 1148 49407",
    "日本 猫 🐱": "49406 39121 19277 361 163 234 360 22979 49407",
    "a photo of an astronaut riding a horse on mars": "49406 320 1125 539 550 18376 6765 320 4558 525 7496 49407",
    "Apple CoreML developer tools on a Macbook Air are fast": (
        "49406 3055 19622 5780 10929 5771 525 320 20617 1922 631 1953 49407"
    ),
}


@cache
def tokenizing(length: int = 77, padding: int = 0) -> ClipTokenizer:
    return ClipTokenizer(CLIP, length=length, padding=padding)


@pytest.mark.parametrize("prompt", VECTORS)
def test_prompts_become_the_ids_of_the_reference_tokenizer(prompt):
    expected = [int(number) for number in VECTORS[prompt].split()]
    assert tokenizing()(prompt).ids.tolist() == expected + [0] * (77 - len(expected))


def test_only_stable_diffusion_2_takes_an_exclamation_mark_for_padding():
    assert tokenizing(length=5, padding=0)("wow!").ids.tolist() == [49406, 2781, 0, 49407, 0]
    assert tokenizing(length=5, padding=49407)("wow!").ids.tolist() == [49406, 2781, 256, 49407, 49407]


@pytest.fixture(scope="module")
def references():
    transformers = pytest.importorskip("transformers")
    return {
        number: transformers.CLIPTokenizer(str(CLIP / "vocab.json"), str(CLIP / "merges.txt"), pad_token=word)
        for word, number in PADDINGS.items()
    }


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("abcdé ï!?'.,:;sdt\n\t0159日猫🐱<|>ẞİΣ\u0301") | st.characters(exclude_categories=["Cs"]))
)
def test_any_text_becomes_the_ids_of_the_reference_tokenizer(references, prompt):
    for padding, reference in references.items():
        expected = reference(prompt, padding="max_length", max_length=24, truncation=True)["input_ids"]
        assert tokenizing(length=24, padding=padding)(prompt).ids.tolist() == expected


def test_a_prompt_that_is_too_long_returns_the_end_that_was_cut():
    tokens = tokenizing(length=10)("a red house by the sea, wow, a dragon and a horse")
    assert tokens.cut == ", a dragon and a horse"
    assert len(tokens.ids) == 10
    assert tokens.ids[-1] == 49407
    assert tokenizing()("a red house").cut == ""


def test_words_that_a_small_model_does_not_know_are_named_once():
    assert unknown_words("A dragon, a Dragon by the house!", ["a", "by", "the", "house"]) == ("dragon",)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("vocab.json", None),
        ("vocab.json", "{"),
        ("vocab.json", "[]"),
        ("vocab.json", '{"a": "b"}'),
        ("vocab.json", '{"a": 1}'),
        ("merges.txt", None),
        ("merges.txt", "#version: 0.2\na\n"),
        ("merges.txt", "#version: 0.2\na nowhere\n"),
        ("merges.txt", "\udc80"),
    ],
)
def test_a_broken_vocabulary_is_one_line_and_a_hint(tmp_path, file, content):
    shutil.copytree(CLIP, tmp_path / "model")
    (tmp_path / "model" / file).unlink()
    if content is not None:
        (tmp_path / "model" / file).write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(AudioToImageError, match=file) as caught:
        ClipTokenizer(tmp_path / "model", length=77, padding=0)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_the_test_vocabulary_has_clips_own_ids():
    vocabulary = json.loads((CLIP / "vocab.json").read_text(encoding="utf-8"))
    assert (vocabulary["!"], vocabulary["!</w>"], vocabulary["<|endoftext|>"]) == (0, 256, 49407)
