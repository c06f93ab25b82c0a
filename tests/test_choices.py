"""Choices and settings: limits, values, and where settings come from."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from orchestrator.choices import MAX_CHARACTERS, choices
from orchestrator.errors import Misuse
from orchestrator.settings import Settings, load

pytestmark = pytest.mark.quick
LIMITED = [name for name, known in choices(Settings).items() if known.least is not None]
NAMED = [name for name, known in choices(Settings).items() if known.values]


@pytest.mark.parametrize("name", LIMITED)
def test_a_number_below_its_limit_is_refused_by_name(name: str) -> None:
    with pytest.raises(Misuse, match=f"^{name} must") as caught:
        load({name: choices(Settings)[name].least - 1})  # type: ignore[operator]
    assert caught.value.hint


@pytest.mark.parametrize("name", NAMED)
def test_an_unknown_value_is_refused_and_the_known_ones_are_named(name: str) -> None:
    with pytest.raises(Misuse, match="nonsense") as caught:
        load({name: "nonsense"})
    assert choices(Settings)[name].values[-1] in caught.value.hint


def test_flags_come_before_the_environment_and_that_before_the_file(isolated: Path) -> None:
    folder = isolated / ".config" / "audio-to-image"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text("steps = 1\nseed = 11\nguidance = 2.0\n")
    found = load({"guidance": 3.5}, {"AUDIO_TO_IMAGE_SEED": "12", "AUDIO_TO_IMAGE_GUIDANCE": "9"})
    assert (found.steps, found.seed, found.guidance) == (1, 12, 3.5)


def test_every_choice_is_a_setting_with_help() -> None:
    names = {each.name for each in fields(Settings)}
    assert choices(Settings).keys() <= names
    assert all(known.help.endswith(".") for known in choices(Settings).values())


def test_the_page_takes_prompts_as_long_as_the_program_does() -> None:
    page = Path(__file__).parent.parent / "orchestrator" / "studio" / "page" / "index.html"
    assert set(re.findall(r'-words".* maxlength="(\d+)"', page.read_text())) == {str(MAX_CHARACTERS)}
