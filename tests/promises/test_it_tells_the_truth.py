"""It tells the truth: each error is provoked, says what failed, and has a hint that, run as written, repairs it."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import provoked
import pytest
from microphone import SOURCE, Microphone, microphone
from sounds import silence
from test_recipe import PLAIN

from orchestrator import picture as png
from orchestrator.cli import main
from orchestrator.gallery import Gallery, index
from orchestrator.settings import demo_models, settings_file
from orchestrator.sound import write_wav

__all__ = ["microphone"]

RECORDING = str(demo_models() / "recordings" / "01.wav")
PAINT = ["paint", "a red house", "--steps", "1"]
PIXELS = np.zeros((8, 8, 3), np.uint8)


@dataclass(frozen=True, kw_only=True)
class Told:
    """How a command ended."""

    code: int
    printed: str
    message: str
    hint: str


class Person:
    """Someone who types commands in a folder, and does what the hints say."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self._patch, self._capfd = folder, monkeypatch, capfd
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        self.gallery = Gallery(Path(os.environ["AUDIO_TO_IMAGE_DATA"]) / "gallery")

    def set(self, name: str, value: str) -> None:
        self._patch.setenv(f"AUDIO_TO_IMAGE_{name}", value)

    def types(self, *command: str) -> Told:
        """Run the command in this process."""
        self._capfd.readouterr()
        self._patch.setattr(sys, "argv", ["audio-to-image", *command])
        with pytest.raises(SystemExit) as left:
            main()
        printed, told = self._capfd.readouterr()
        error = re.search(r"^error: (.*)$(?:\n  try: (.*)$)?", told, re.MULTILINE)
        message, hint = (error[1], error[2] or "") if error else ("", "")
        return Told(code=int(left.value.code or 0), printed=printed.strip(), message=message, hint=hint)

    def obeys(self, hint: str) -> str:
        """Run a hint as it is written, in a shell; give back what that printed."""
        done = subprocess.run(["sh", "-c", hint], capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == 0, f"{hint}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Person:
    folder = tmp_path / "a folder's own"  # a space and a quote: hints are typed as they are
    folder.mkdir()
    monkeypatch.setenv("AUDIO_TO_IMAGE_DATA", str(folder / "data"))
    return Person(folder, monkeypatch, capfd)


def kept(person: Person, prompt: str = "a red house") -> str:
    return person.gallery.keep(PIXELS, replace(PLAIN, prompt=prompt)).id


# Each breaks something and gives the command that then fails.
def no_folder(person: Person) -> list[str]:
    return [*PAINT, "--output", str(person.folder / "new" / "picture.png")]


def damaged_index(person: Person) -> list[str]:
    kept(person)
    (person.gallery.folder / index.FILE_NAME).write_bytes(b"no database " * 1000)
    return ["gallery", "list"]


def later_index(person: Person) -> list[str]:
    kept(person)
    with sqlite3.connect(person.gallery.folder / index.FILE_NAME) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    return ["gallery", "list"]


def recording_in_the_way(person: Person) -> list[str]:
    write_wav(person.folder / "said.part.wav", [silence(0.1)])
    return ["record", "--seconds", "0.3", "--output", str(person.folder / "said.wav")]


RUN = {  # the hint is a command: run it, and the first one works
    no_folder: "there is no folder .*new",
    damaged_index: "the gallery's index .*index.sqlite is damaged",
    later_index: "was made by a later version",
    recording_in_the_way: "said.part.wav is in the way",
}


@pytest.mark.parametrize("broken", RUN, ids=lambda each: each.__name__)
def test_the_command_in_a_hint_repairs_it(broken: Callable, person: Person, microphone: Microphone) -> None:
    command = broken(person)
    told = person.types(*command)
    assert told.code in (1, 2)
    assert re.search(RUN[broken], told.message), told
    person.obeys(told.hint)
    assert person.types(*command).code == 0


LOOK = {  # the hint is a command that shows what there is to choose from: what is to be chosen is in what it prints
    ("gallery", "show", "zzzz"): ("no picture 'zzzz' in the gallery", "a red house"),
    ("paint", "a red house", "--image", "zzzz"): ("no picture 'zzzz'", "a red house"),
    ("paint", "a red house", "--image", "gone.png"): ("there is no picture gone.png", "a red house"),
    ("paint", "a red house", "--model", "demo-speech"): ("demo-speech is a speech model", "demo-picture"),
    ("models", "remove", "demo-speech"): ("demo-speech comes with the program", "demo-speech"),
    ("models", "remove", "tiny"): ("the model tiny is not here", "tiny"),
    ("models", "where", "no such"): ("there is no model 'no such'", "demo-picture"),
    ("gallery", "restore", "zzzz"): ("no picture 'zzzz' in the trash", ""),
    ("models", "add", "/"): ("cannot read /", ""),
}


@pytest.mark.parametrize("command", LOOK, ids=" ".join)
def test_the_command_in_a_hint_shows_what_there_is(command: tuple[str, ...], person: Person) -> None:
    kept(person)
    message, shown = LOOK[command]
    told = person.types(*command)
    assert told.code in (1, 2, 4)
    assert message in told.message
    assert shown in person.obeys(told.hint)


CHOOSE = {  # a flag or a setting has a value that cannot be; the hint names those that can
    "ENGINE": ("tpu", "there is no engine 'tpu'"),
    "SAMPLER": ("none", "there is no sampler 'none'"),
    "SPACING": ("none", "there is no spacing 'none'"),
    "COMPUTE_UNIT": ("tpu", "there is no compute unit 'tpu'"),
    "HEARER": ("ear", "there is no hearer 'ear'"),
}


@pytest.mark.parametrize("name", CHOOSE)
def test_what_a_hint_names_to_choose_from_can_be_chosen(name: str, person: Person) -> None:
    value, message = CHOOSE[name]
    command = ["hear", RECORDING] if name == "HEARER" else PAINT
    person.set(name, value)
    told = person.types(*command)
    assert (told.code, message in told.message) == (2, True)
    choices = told.hint.removeprefix("choose one of: ").split(", ")
    assert len(choices) > 1
    person.set(name, choices[0])
    assert person.types(*command).code == 0


FLAGS = {  # the hint names a flag, or another word, that makes the command work
    ("paint", "a red house", "--steps", "1", "--output", "picture.jpg"): "does not end in .png",
    ("paint", "a red house", "--steps", "1", "--engine", "coreml"): "Core ML runs on macOS only",
    ("paint", "a red house", "--steps", "1", "--model", "demo-pictures"): "there is no model 'demo-pictures'",
    ("paint", "a red house", "--steps", "1", "--sampler", "ddim", "--spacing", "karras"): "ddim has no karras spacing",
    ("hear", RECORDING, "--language", "xx"): "there is no language 'xx'",
    ("hear", RECORDING, "--threads", "-1"): "threads must lie between 0 and 1024",
}
NAMED = re.compile(
    r"(?P<flag>--[a-z-]+) (?P<value>[\w./-]+)|did you mean (?P<word>[\w-]+)\?|(?:such as|with:) (?P<one>[\w+-]+)"
)


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML runs there")
@pytest.mark.parametrize("command", FLAGS, ids=" ".join)
def test_the_flag_that_a_hint_names_makes_it_work(command: tuple[str, ...], person: Person) -> None:
    told = person.types(*command)
    assert told.code in (1, 2, 4)
    assert FLAGS[command] in told.message
    named = NAMED.search(told.hint)
    assert named, told.hint
    better, wrong = list(command), FLAGS[command].partition(" ")[0]
    flag = named["flag"] or command[-2 if wrong != "ddim" else -4]
    better[better.index(flag) + 1] = named["value"] or named["word"] or named["one"]
    assert person.types(*better).code == 0, better


def test_a_setting_that_is_wrong_is_named_with_what_repairs_it(person: Person) -> None:
    person.set("STEPS", "many")
    told = person.types(*PAINT)
    assert (told.code, told.message) == (2, "AUDIO_TO_IMAGE_STEPS should be a whole number, not 'many'")
    assert person.obeys(f"{told.hint}; audio-to-image {shlex.join(PAINT)}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("stesp = 3", "names an unknown setting, 'stesp'"),
        ("steps = 1 1", "cannot read the settings"),
        ("steps = 1.5", "whole"),
    ],
)
def test_a_settings_file_that_is_wrong_is_repaired_as_the_hint_says(content: str, message: str, person: Person) -> None:
    path = settings_file()
    path.parent.mkdir(parents=True)
    path.write_text(content)
    told = person.types("gallery", "list")
    assert (told.code, message in told.message) == (2, True)
    meant = re.fullmatch(r"did you mean '(\w+)'\?", told.hint)
    assert meant or told.hint == f"edit {path}"
    path.write_text(f"{meant[1]} = 3" if meant else "steps = 3")
    assert person.types("gallery", "list").code == 0


def test_a_recording_of_a_lost_microphone_becomes_a_picture_as_the_hint_says(
    person: Person, microphone: Microphone
) -> None:
    microphone.play(Path(RECORDING))
    command = f"(sleep 3; kill -9 {microphone.server.pid}) & exec audio-to-image record --seconds 30"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    hint = re.search(r"^error: the microphone was lost after .*\n  try: (.*)$", done.stderr, re.MULTILINE)
    assert hint, done.stderr
    assert person.obeys(f"{hint[1]} --steps 1").strip().endswith(".png")


def test_a_wrong_device_and_an_empty_prompt_have_hints_that_work(person: Person, microphone: Microphone) -> None:
    told = person.types("record", "--seconds", "0.3", "--device", "nose")
    assert (told.code, "there is no microphone 'nose'" in told.message) == (2, True)
    assert SOURCE in person.obeys(told.hint.partition(";")[0])
    told = person.types("paint", "")
    assert (told.code, told.message) == (2, "the prompt is empty")
    assert person.obeys(told.hint.removeprefix("say what to paint: ") + " --steps 1").strip().endswith(".png")


def test_a_picture_whose_parent_is_gone_is_painted_from_its_words_as_the_hint_says(person: Person) -> None:
    parent = person.gallery.keep(PIXELS, PLAIN)
    child = person.gallery.keep(
        PIXELS,
        replace(PLAIN, prompt="it's a 'red' house", model="", engine="auto", strength=0.5),
        source=person.gallery.source_of(parent.path),
    )
    parent.path.unlink()
    told = person.types("gallery", "repaint", child.id)
    assert (told.code, "is gone or has changed" in told.message) == (1, True)
    command = told.hint.removeprefix("paint from its words alone: ")
    painted = person.obeys(f"{command} --steps 1").strip()
    recipe = png.read_png(Path(painted))
    assert recipe
    assert recipe.prompt == "it's a 'red' house"


def test_every_error_is_provoked_by_a_test_or_has_a_reason_why_not() -> None:
    """`python tests/promises/provoked.py` notes who provokes what; what nobody can stands there with its reason."""
    table = provoked.read_table()
    missing = sorted(str(site) for site in provoked.sites() if table.get(str(site), "?") == "?")
    assert not missing, "\n".join(["nobody provokes:", *missing])
    for test in {each for each in table.values() if each.startswith("tests/")}:
        path, _, name = test.partition("::")
        assert f"def {name}(" in (provoked.ROOT / path).read_text(), f"{test} is gone"
