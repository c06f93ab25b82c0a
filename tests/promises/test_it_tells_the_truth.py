"""Errors are true and useful: each says what failed, and its hint, run as written in a shell, repairs it."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
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
class Outcome:
    """The exit code and output of a command."""

    code: int
    printed: str
    message: str
    hint: str


class CommandLine:
    """Runs commands and hints in a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self._patch, self._capfd = folder, monkeypatch, capfd
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        self.gallery = Gallery(Path(os.environ["AUDIO_TO_IMAGE_DATA"]) / "gallery")

    def set(self, name: str, value: str) -> None:
        self._patch.setenv(f"AUDIO_TO_IMAGE_{name}", value)

    def run(self, *command: str) -> Outcome:
        """Run a command in this process."""
        self._capfd.readouterr()
        self._patch.setattr(sys, "argv", ["audio-to-image", *command])
        with pytest.raises(SystemExit) as left:
            main()
        printed, errors = self._capfd.readouterr()
        error = re.search(r"^error: (.*)$(?:\n  try: (.*)$)?", errors, re.MULTILINE)
        message, hint = (error[1], error[2] or "") if error else ("", "")
        return Outcome(code=int(left.value.code or 0), printed=printed.strip(), message=message, hint=hint)

    def follow(self, hint: str) -> str:
        """Run a hint exactly as it is written, in a shell; return what it printed."""
        done = subprocess.run(["sh", "-c", hint], capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == 0, f"{hint}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> CommandLine:
    folder = tmp_path / "a folder's own"  # a space and a quote, which hints must escape
    folder.mkdir()
    monkeypatch.setenv("AUDIO_TO_IMAGE_DATA", str(folder / "data"))
    return CommandLine(folder, monkeypatch, capfd)


def kept(command_line: CommandLine, prompt: str = "a red house") -> str:
    return command_line.gallery.keep(PIXELS, replace(PLAIN, prompt=prompt)).id


# Each function breaks something and returns the command that then fails.
def no_folder(command_line: CommandLine) -> list[str]:
    return [*PAINT, "--output", str(command_line.folder / "new" / "picture.png")]


def damaged_index(command_line: CommandLine) -> list[str]:
    kept(command_line)
    (command_line.gallery.folder / index.FILE_NAME).write_bytes(b"no database " * 1000)
    return ["gallery", "list"]


def later_index(command_line: CommandLine) -> list[str]:
    kept(command_line)
    with sqlite3.connect(command_line.gallery.folder / index.FILE_NAME) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    return ["gallery", "list"]


def recording_in_the_way(command_line: CommandLine) -> list[str]:
    write_wav(command_line.folder / "said.part.wav", [silence(0.1)])
    return ["record", "--seconds", "0.3", "--output", str(command_line.folder / "said.wav")]


RUN = {  # the hint is a command that makes the failed one work
    no_folder: "there is no folder .*new",
    damaged_index: "the gallery's index .*index.sqlite is damaged",
    later_index: "was made by a later version",
    recording_in_the_way: "said.part.wav is in the way",
}


@pytest.mark.parametrize("broken", RUN, ids=lambda each: each.__name__)
def test_the_command_in_a_hint_repairs_it(broken: Callable, command_line: CommandLine, microphone: Microphone) -> None:
    command = broken(command_line)
    outcome = command_line.run(*command)
    assert outcome.code in (1, 2)
    assert re.search(RUN[broken], outcome.message), outcome
    command_line.follow(outcome.hint)
    assert command_line.run(*command).code == 0


LOOK = {  # the hint is a command that prints the possible choices
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
def test_the_command_in_a_hint_shows_what_there_is(command: tuple[str, ...], command_line: CommandLine) -> None:
    kept(command_line)
    message, shown = LOOK[command]
    outcome = command_line.run(*command)
    assert outcome.code in (1, 2, 4)
    assert message in outcome.message
    assert shown in command_line.follow(outcome.hint)


CHOOSE = {  # a setting has an impossible value; the hint names the possible ones
    "ENGINE": ("tpu", "there is no engine 'tpu'"),
    "SAMPLER": ("none", "there is no sampler 'none'"),
    "SPACING": ("none", "there is no spacing 'none'"),
    "COMPUTE_UNIT": ("tpu", "there is no compute unit 'tpu'"),
    "HEARER": ("ear", "there is no hearer 'ear'"),
}


@pytest.mark.parametrize("name", CHOOSE)
def test_a_choice_that_a_hint_names_works(name: str, command_line: CommandLine) -> None:
    value, message = CHOOSE[name]
    command = ["hear", RECORDING] if name == "HEARER" else PAINT
    command_line.set(name, value)
    outcome = command_line.run(*command)
    assert (outcome.code, message in outcome.message) == (2, True)
    choices = outcome.hint.removeprefix("choose one of: ").split(", ")
    assert len(choices) > 1
    command_line.set(name, choices[0])
    assert command_line.run(*command).code == 0


FLAGS = {  # the hint names a flag or a value that makes the command work
    ("paint", "a red house", "--steps", "1", "--output", "picture.gif"): "does not end in .png",
    ("paint", "a red house", "--steps", "1", "--engine", "coreml"): "Core ML runs on macOS only",
    ("paint", "a red house", "--steps", "1", "--model", "demo-pictures"): "there is no model 'demo-pictures'",
    ("paint", "a red house", "--steps", "1", "--sampler", "ddim", "--spacing", "karras"): "ddim has no karras spacing",
    ("hear", RECORDING, "--language", "xx"): "there is no language 'xx'",
    ("hear", RECORDING, "--threads", "-1"): "threads must be between 0 and 1024",
}
NAMED = re.compile(
    r"(?P<flag>--[a-z-]+) (?P<value>[\w./-]+)|did you mean (?P<word>[\w-]+)\?|(?:such as|with:) (?P<one>[\w+-]+)"
)


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML runs there")
@pytest.mark.parametrize("command", FLAGS, ids=" ".join)
def test_the_flag_that_a_hint_names_makes_the_command_work(command: tuple[str, ...], command_line: CommandLine) -> None:
    outcome = command_line.run(*command)
    assert outcome.code in (1, 2, 4)
    assert FLAGS[command] in outcome.message
    named = NAMED.search(outcome.hint)
    assert named, outcome.hint
    better, wrong = list(command), FLAGS[command].partition(" ")[0]
    flag = named["flag"] or command[-2 if wrong != "ddim" else -4]
    better[better.index(flag) + 1] = named["value"] or named["word"] or named["one"]
    assert command_line.run(*better).code == 0, better


def test_a_wrong_setting_is_named_and_its_hint_repairs_it(command_line: CommandLine) -> None:
    command_line.set("STEPS", "many")
    outcome = command_line.run(*PAINT)
    assert (outcome.code, outcome.message) == (2, "AUDIO_TO_IMAGE_STEPS should be a whole number, not 'many'")
    assert command_line.follow(f"{outcome.hint}; audio-to-image {shlex.join(PAINT)}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("stesp = 3", "names an unknown setting, 'stesp'"),
        ("steps = 1 1", "cannot read the settings"),
        ("steps = 1.5", "whole"),
    ],
)
def test_the_hint_for_a_wrong_settings_file_repairs_it(content: str, message: str, command_line: CommandLine) -> None:
    path = settings_file()
    path.parent.mkdir(parents=True)
    path.write_text(content)
    outcome = command_line.run("gallery", "list")
    assert (outcome.code, message in outcome.message) == (2, True)
    meant = re.fullmatch(r"did you mean '(\w+)'\?", outcome.hint)
    assert meant or outcome.hint == f"edit {path}"
    path.write_text(f"{meant[1]} = 3" if meant else "steps = 3")
    assert command_line.run("gallery", "list").code == 0


def test_the_hint_after_a_lost_microphone_makes_a_picture_of_the_recording(
    command_line: CommandLine, microphone: Microphone
) -> None:
    command = ["audio-to-image", "record", "--seconds", "60"]
    recorder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    recordings = Path(os.environ["AUDIO_TO_IMAGE_DATA"]) / "recordings"
    while not any(recordings.glob("*.part.wav")):
        assert recorder.poll() is None
        time.sleep(0.05)
    microphone.play(Path(RECORDING)).wait()
    microphone.server.kill()
    _, stderr = recorder.communicate()
    assert recorder.returncode == 1
    hint = re.search(r"^error: the microphone was lost after .*\n  try: (.*)$", stderr, re.MULTILINE)
    assert hint, stderr
    assert command_line.follow(f"{hint[1]} --steps 1").strip().endswith(".png")


def test_the_hints_for_a_wrong_device_and_no_prompt_work(command_line: CommandLine, microphone: Microphone) -> None:
    outcome = command_line.run("record", "--seconds", "0.3", "--device", "nose")
    assert (outcome.code, "there is no microphone 'nose'" in outcome.message) == (2, True)
    assert SOURCE in command_line.follow(outcome.hint.partition(";")[0])
    outcome = command_line.run("paint", "")
    assert (outcome.code, outcome.message) == (2, "the prompt is empty")
    assert command_line.follow(outcome.hint.removeprefix("say what to paint: ") + " --steps 1").strip().endswith(".png")


def test_the_hint_for_a_picture_without_its_parent_repaints_it_from_words(command_line: CommandLine) -> None:
    parent = command_line.gallery.keep(PIXELS, PLAIN)
    child = command_line.gallery.keep(
        PIXELS,
        replace(PLAIN, prompt="it's a 'red' house", model="", engine="auto", strength=0.5),
        source=command_line.gallery.source_of(parent.path),
    )
    parent.path.unlink()
    outcome = command_line.run("gallery", "repaint", child.id)
    assert (outcome.code, "is gone or has changed" in outcome.message) == (1, True)
    command = outcome.hint.removeprefix("paint from its words alone: ")
    painted = command_line.follow(f"{command} --steps 1").strip()
    recipe = png.read_png(Path(painted))
    assert recipe
    assert recipe.prompt == "it's a 'red' house"
