"""Transcript to prompt: what is removed, what stays, and properties that hold for any text."""
# ruff: noqa: RUF001 - look-alike characters of other scripts are intended

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.clean import Cleaned, clean
from remove_parentheses import remove_parentheses

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parent.parent
BRACKETS = "()（）[]［］【】{}｛｝"
MUSIC = "♩♪♫♬♭♮♯🎵🎶🎼"
SIGNS = BRACKETS + MUSIC + "*<|>-–—―\0"
tricky_text = st.text(alphabet=st.sampled_from(BRACKETS + MUSIC + "*<|>-– \n\t,.!\"'ab7你の\0"), max_size=60)


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("[Music] a red house (laughs) by the sea", "a red house by the sea"),
        ("(upbeat music) [ Silence ] {background noise} a cat", "a cat"),
        ("（笑）a cat［音楽］【拍手】｛ノイズ｝", "a cat"),
        ("你好（笑）世界", "你好世界"),
        ("hello(laughs)world", "hello world"),
        ("*sighs* a cat", "a cat"),
        ("a **loud** cat", "a cat"),
        ("<|en|> a cat<|endoftext|>", "a cat"),
        ("[_BEG_] a cat [_TT_120] [_extra_token_3]", "a cat"),
    ],
)
def test_tags_are_removed_and_the_words_around_them_stay(text, prompt):
    assert clean(text).prompt == prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("♪ la la la ♪", "la la la"),
        ("♫♬ a song 🎵️", "a song"),
        ("[♪ la la ♪] a cat", "a cat"),
    ],
)
def test_music_signs_are_removed_and_sung_words_stay_unless_bracketed(text, prompt):
    assert clean(text).prompt == prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("- a cat\n– a dog", "a cat a dog"),
        (">> ANNA: a cat\n>>> a dog", "ANNA: a cat a dog"),
        ("[laughs] - a cat", "a cat"),
        ("a hot-air balloon", "a hot-air balloon"),
        ("one - two", "one - two"),
        ("a > b >> c", "a > b >> c"),
    ],
)
def test_marks_of_speaker_turns_are_removed_only_at_the_start_of_a_line(text, prompt):
    assert clean(text).prompt == prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("[[BLANK_AUDIO]] a cat", "a cat"),
        ("([{*deep*}]) a cat", "a cat"),
        ("*(laughs)* a cat", "a cat"),
        ("a [tag split\nover two lines] cat", "a cat"),
        ("a cat [Music\nand a dog", "a cat and a dog"),
        ("a cat) and ] a dog", "a cat and a dog"),
        ("a (b [c) cat", "a cat"),
        ("one [x] two [y] three", "one two three"),
    ],
)
def test_nested_mixed_split_and_unbalanced_tags_are_removed(text, prompt):
    assert clean(text).prompt == prompt


@pytest.mark.parametrize(
    "text",
    ["2 * 3 * 4", "it's a hot-air balloon", "5* hotel", "「猫」と『犬』", "《名》", '"a cat", he said', "Bonjour !"],
)
def test_ordinary_punctuation_stays(text):
    assert clean(text).prompt == text


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("I see (laughs), a cat", "I see, a cat"),
        ("A cat. [x]. A dog", "A cat. A dog"),
        ("[Music], a cat", "a cat"),
        ("a cat [laughs]!", "a cat!"),
        ('"[Music]" a cat', "a cat"),
        ("»[Musik]« a cat", "a cat"),
        ("a cat\n\n  and\ta dog ", "a cat and a dog"),
        ("[Music]...", ""),
        ("...", ""),
    ],
)
def test_orphaned_punctuation_and_spaces_are_tidied(text, prompt):
    assert clean(text).prompt == prompt


def test_removed_tags_are_returned():
    assert clean("- [Music] a *big* cat ♪").removed == ("[Music]", "*big*", "♪", "-")
    assert clean("a cat").removed == ()


@given(tricky_text)
@settings(max_examples=400)
def test_cleaning_twice_changes_nothing(text):
    once = clean(text).prompt
    assert clean(once) == Cleaned(prompt=once)


@given(tricky_text)
@settings(max_examples=200)
def test_the_prompt_is_never_longer_than_the_text_and_holds_no_bracket(text):
    prompt = clean(text).prompt
    assert len(prompt) <= len(text)
    assert not set(prompt) & set(BRACKETS + MUSIC)
    assert "<|" not in prompt
    assert "|>" not in prompt


@given(st.text(alphabet=st.characters(exclude_characters=SIGNS)))
@settings(max_examples=200)
def test_text_without_signs_keeps_its_words_in_every_script(text):
    expected = text.split() if any(map(str.isalnum, text)) else []
    assert clean(text).prompt.split() == expected
    assert clean(text).removed == ()


@pytest.mark.parametrize(
    "unit", ["(", "(\n", "<|", "[{(", "*a ", " ", "\n", "- ", ", - ", "[x], - ", "*", '"[x]"', "(a) "]
)
def test_a_megabyte_takes_well_under_a_second(unit):
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()
    clean(text)
    seconds = time.process_time() - start
    start = time.process_time()
    clean(text[:100_000])
    seconds_for_tenth = time.process_time() - start
    assert seconds < max(1.0, 25 * seconds_for_tenth)  # the second bound is for very slow machines


def test_the_filter_reads_stdin_writes_stdout_and_imports_nothing_heavy():
    run = "runpy.run_path('remove_parentheses.py', run_name='__main__')"
    program = f"import runpy, sys; {run}; assert 'numpy' not in sys.modules"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        input="(hm) ein Häuschen\n".encode(),
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stdout.decode(), result.stderr) == (0, "ein Häuschen\n", b"")


@pytest.mark.parametrize("data", [b"", b"[Music]\n", b"\xff\xfe (x)"])
def test_the_filter_always_exits_0(data, tmp_path):
    result = subprocess.run(
        [sys.executable, ROOT / "remove_parentheses.py"], cwd=tmp_path, input=data, capture_output=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"(" not in result.stdout


def test_remove_parentheses_can_be_imported():
    assert remove_parentheses("a [loud] cat") == "a cat"
