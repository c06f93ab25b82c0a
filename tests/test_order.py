"""What a painter is asked for, and what a recipe records: settings, evidence, and a picture painted again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.choices import Painting, choices
from orchestrator.errors import Misuse
from orchestrator.gallery import Gallery
from orchestrator.line.order import Prompt, make_order, make_wish, prompt_of, settings_of
from orchestrator.meaning import Evidence
from orchestrator.picture import read_pixels
from orchestrator.recipe import Recipe
from orchestrator.settings import Settings

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
RECIPE = Recipe(
    prompt="a red house", seed=5, steps=2, guidance=3.0, sampler="euler", spacing="trailing", width=512, height=512,
    model="demo-picture", engine="onnx", compute_unit="cpu", threads=1, negative="snow", transcript="ein rotes Haus",
    removed=("[MUSIC]",), recording="ab" * 32, hearer="whisper-cli", speech_model="base", language="de",
    speech_model_revision="1234567", speech_model_digest="cd" * 32, translate=True,
)  # fmt: skip
EVIDENCE = ("transcript", "removed", "recording", "hearer", "language", "translate", "speech_model",
            "speech_model_revision", "speech_model_digest")  # fmt: skip


@pytest.mark.quick
def test_a_prompt_from_a_recipe_keeps_the_evidence() -> None:
    prompt = prompt_of(RECIPE)
    assert prompt.heard
    assert prompt.heard.translated
    assert prompt.heard.evidence == Evidence(
        engine="whisper-cli", model="base", model_revision="1234567", model_digest="cd" * 32, source="ab" * 32
    )
    assert prompt_of(replace(RECIPE, transcript="", recording="")).heard is None


@pytest.mark.quick
def test_settings_from_a_recipe_hold_everything_that_it_says_about_painting() -> None:
    settings = settings_of(Settings(count=3, steps=30), RECIPE)
    for name in (*choices(Painting), "engine", "compute_unit", "threads", "model"):
        if name not in ("count", "strength"):
            assert getattr(settings, name) == getattr(RECIPE, name), name
    assert (settings.count, settings.strength) == (1, Settings().strength)


@pytest.mark.quick
def test_a_wish_has_a_seed_and_leaves_the_rest_open() -> None:
    wish = make_wish(Settings(), "a red house", None)
    assert isinstance(wish.seed, int)
    assert (wish.steps, wish.guidance, wish.sampler, wish.spacing) == (None, None, None, None)
    assert make_wish(Settings(seed=7, steps=3), "a", None).seed == 7


@pytest.mark.quick
@pytest.mark.parametrize("text", ["", "  ", "x" * 10_001, "a\0b"])
def test_a_prompt_that_cannot_be_painted_is_misuse(text: str) -> None:
    with pytest.raises(Misuse) as caught:
        make_order(Settings(), Prompt(text=text), None)
    assert caught.value.hint


def test_a_picture_painted_again_keeps_what_was_heard_and_by_which_model() -> None:
    gallery = Gallery(Path(os.environ["AUDIO_TO_IMAGE_DATA"]) / "gallery")
    ready = json.loads(run("paint", "a red house", "--steps", "2", "--seed", "5", "--json").splitlines()[-1])
    made = gallery.show(ready["id"])
    said = {name: getattr(RECIPE, name) for name in EVIDENCE}
    before = gallery.keep(read_pixels(made.path), replace(made.recipe, **said))
    run("gallery", "repaint", before.id)
    after = gallery.list(1)[0]
    assert after.id != before.id
    assert after.recipe.pixels == before.recipe.pixels
    assert {name: getattr(after.recipe, name) for name in EVIDENCE} == said


def test_words_that_were_typed_leave_no_trace_of_a_speech_model() -> None:
    kept = json.loads(run("paint", "a red house", "--steps", "1", "--json").splitlines()[-1])
    assert {kept["recipe"][name] or None for name in EVIDENCE if name != "removed"} == {None}


def run(*arguments: str) -> str:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=True).stdout
