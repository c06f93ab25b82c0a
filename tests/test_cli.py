"""The command line: help, exit codes, and what goes to stdout and stderr."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest

from orchestrator import picture as png
from orchestrator.cli import commands
from orchestrator.errors import Misuse
from orchestrator.settings import load

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
HEAVY = ("numpy", "PIL", "onnxruntime", "coremltools", "torch", "_pywhispercpp", "starlette", "sqlite3")
QUICK = ("--steps", "2", "--seed", "4")


def run(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [COMMAND, *arguments], input=stdin, capture_output=True, env=os.environ | environment, timeout=120, check=False
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")
    )


def all_verbs(group: click.Group = commands, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield before
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from all_verbs(command, (*before, name))
        else:
            yield (*before, name)


@pytest.mark.parametrize("verb", list(all_verbs()), ids=" ".join)
def test_help_works_and_imports_nothing_heavy(verb: tuple[str, ...]) -> None:
    program = (
        "import sys; from orchestrator.cli import commands\n"
        f"commands.main({[*verb, '--help']!r}, standalone_mode=False)\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Usage:" in done.stdout
    assert done.stdout.endswith("HEAVY []\n")


def test_the_short_name_is_the_same_command() -> None:
    done = subprocess.run([COMMAND.replace("audio-to-image", "a2i"), "--version"], capture_output=True, check=True)
    assert done.stdout == run("--version").stdout.encode()


@pytest.mark.parametrize(("shell", "mark"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "complete --no")])
def test_completion_prints_a_script_for_each_shell(shell: str, mark: str) -> None:
    assert mark in run("completion", shell).stdout


def test_completion_completes_verbs() -> None:
    done = run(_AUDIO_TO_IMAGE_COMPLETE="bash_complete", COMP_WORDS="audio-to-image pic", COMP_CWORD="1")
    assert "picture" in done.stdout


def test_a_recording_becomes_a_picture(recording: Path) -> None:
    done = run("picture", str(recording), *QUICK)
    assert done.returncode == 0, done.stderr
    (path,) = done.stdout.splitlines()
    assert Path(path).read_bytes().startswith(b"\x89PNG")
    assert "heard:" in done.stderr
    assert "prompt:" in done.stderr
    assert "demo" in done.stderr


def test_json_is_one_event_a_line(recording: Path) -> None:
    done = run("picture", "--json", str(recording), *QUICK)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [event["event"] for event in events]
    assert [name for name in ("heard", "cleaned", "painted", "kept") if name in names] == list(dict.fromkeys(
        name for name in names if name in ("heard", "cleaned", "painted", "kept")
    ))  # fmt: skip
    assert events[-1]["event"] == "kept"
    assert events[-1]["recipe"]["seed"] == 4
    assert done.stderr == ""


def test_all_files_are_tried_and_the_first_failure_sets_the_exit_code(recording: Path, silence: Path) -> None:
    done = run("picture", str(silence), str(recording), "no-such.wav", *QUICK)
    assert done.returncode == 3
    assert len(done.stdout.splitlines()) == 1
    assert "no speech heard" in done.stderr
    assert "no-such.wav" in done.stderr


def test_standard_input_is_a_recording(recording: Path, isolated: Path) -> None:
    done = run("picture", "-", *QUICK, stdin=recording.read_bytes())
    assert done.returncode == 0, done.stderr
    assert not list((isolated / "data" / "recordings").glob("*.wav")), "temporary sound is deleted on success"


def test_hearing_standard_input_leaves_no_recording(recording: Path, isolated: Path) -> None:
    done = run("hear", "-", stdin=recording.read_bytes())
    assert done.returncode == 0, done.stderr
    assert not list((isolated / "data" / "recordings").iterdir())


def test_an_error_names_the_file_once() -> None:
    assert run("picture", "no-such.wav").stderr.count("no-such.wav") == 1


def test_help_shows_limits_and_defaults() -> None:
    words = " ".join(run("talk", "--help").stdout.split())
    assert "[1 to 1000; default: the model's]" in words
    assert "The longest recording. [default: 10]" in words
    assert "[default: on]" in words


def test_a_recording_without_speech_stays_for_a_day(silence: Path, isolated: Path) -> None:
    done = run("picture", "-", *QUICK, stdin=silence.read_bytes())
    assert done.returncode == 3
    (kept,) = (isolated / "data" / "recordings").iterdir()
    assert kept.name.endswith(".silent")
    assert len(done.stderr.splitlines()) == 3, done.stderr  # the demo model, the error, its hint


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("picture", "no-such.wav"), 2, "no-such.wav"),
        (("hear", "no-such.wav"), 2, "no-such.wav"),
        (("paint", ""), 2, "empty"),
        (("paint", "   "), 2, "empty"),
        (("paint", "a tree", "--steps", "0"), 2, "steps"),
        (("paint", "a tree", "--steps", "1000000000"), 2, "steps"),
        (("paint", "a tree", "--guidance", "nan"), 2, "guidance"),
        (("paint", "a tree", "--count", "0"), 2, "count"),
        (("paint", "a tree", "--model", "no-such-model"), 4, "no-such-model"),
        (("hear", "--speech-model", "no-such-model", "{recording}"), 4, "no-such-model"),
        (("paint", "a tree", "--image", "no-such.png"), 2, "no-such.png"),
        (("paint", "a tree", "--last"), 2, "no picture"),
        (("paint", "a tree", "--last", "--image", "01abcdefgh"), 2, "two pictures"),
        (("paint", "make it night", "--refine"), 2, "--last"),
        (("gallery", "show", "nothing"), 2, "nothing"),
        (("record", "--device", "no-such-microphone", "--seconds", "1"), 1, "microphone"),
        (("record", "--seconds", "-1"), 2, "seconds"),
        (("picture",), 2, "Missing argument"),
        (("no-such-verb",), 2, "No such command"),
    ],
)
def test_bad_input_is_one_clear_line_and_the_right_exit_code(
    arguments: tuple[str, ...], code: int, says: str, recording: Path
) -> None:
    done = run(*(argument.format(recording=recording) for argument in arguments))
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("words", [b"", b"\n", b"a\0b", b"\xff\xfe", b"\xed\xa0\x80", b"word " * 200_000])
def test_an_invalid_prompt_on_stdin_is_misuse(words: bytes) -> None:
    done = run("paint", "-", stdin=words)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("given", [("silence", "nan"), ("silence", "-1"), ("queue", "0"), ("idle", "inf")])
def test_a_setting_outside_its_limits_is_misuse(given: tuple[str, str]) -> None:
    name, value = given
    with pytest.raises(Misuse, match=f"{name} must be") as caught:
        load(environment={f"AUDIO_TO_IMAGE_{name.upper()}": value})
    assert caught.value.hint.endswith("is usual")


def test_settings_come_from_the_file_then_the_environment_then_flags(isolated: Path) -> None:
    folder = isolated / ".config" / "audio-to-image"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text("steps = 1\nseed = 11\nguidance = 2.0\n")
    done = run("paint", "a red house", "--json", "--guidance", "3.5", AUDIO_TO_IMAGE_SEED="12")
    recipe = json.loads(done.stdout.splitlines()[-1])["recipe"]
    assert (recipe["steps"], recipe["seed"], recipe["guidance"]) == (1, 12, 3.5)


@pytest.mark.parametrize(
    ("text", "says"), [("stepz = 1", "did you mean 'steps'"), ("steps = 'many'", "whole number"), ("steps = [", "read")]
)
def test_a_wrong_setting_is_named(isolated: Path, text: str, says: str) -> None:
    folder = isolated / ".config" / "audio-to-image"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(text)
    done = run("paint", "a tree")
    assert done.returncode == 2
    assert says in done.stderr
    assert "settings.toml" in done.stderr


def test_a_picture_is_repainted_to_the_same_pixels() -> None:
    first = json.loads(run("paint", "a red house", *QUICK, "--json").stdout.splitlines()[-1])
    again = run("gallery", "repaint", first["id"], "--json")
    events = [json.loads(line) for line in again.stdout.splitlines()]
    (second,) = [event for event in events if event["event"] == "kept"]
    assert second["id"] != first["id"]
    assert second["recipe"]["pixels"] == first["recipe"]["pixels"]


def test_control_characters_in_a_foreign_picture_do_not_reach_the_terminal(isolated: Path) -> None:
    path = Path(run("paint", "a red house", *QUICK).stdout.strip())
    found = png.read_png(path)
    assert found
    recipe = replace(found, prompt="a \x1b]0;owned\x07 house", transcript="\x1b[2J")
    png.write_png(path.with_name("hostile.png"), png.read_pixels(path), replace(recipe, id=""))
    assert run("gallery", "rebuild").returncode == 0
    for verb in (("gallery", "list"), ("gallery", "show", path.stem)):
        assert "\x1b" not in run(*verb).stdout


def test_the_gallery_lists_a_line_for_each_picture_and_says_what_it_does_not_find() -> None:
    assert run("gallery", "list").stderr == "there are no pictures yet\n"
    kept = json.loads(
        run("paint", "a red house " + "very " * 20 + "far away", *QUICK, "--json").stdout.splitlines()[-1]
    )
    line = run("gallery", "list").stdout
    assert re.fullmatch(rf"{kept['id']}  \d{{4}}-\d\d-\d\d \d\d:\d\d  512x512  a red house very .*…\n", line)
    found = run("gallery", "search", "dragon")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "no picture has the words: dragon\n")
    assert kept["id"] in run("gallery", "search", "house").stdout


def test_the_trash_is_emptied_only_when_that_is_meant() -> None:
    kept = json.loads(run("paint", "a red house", *QUICK, "--json").stdout.splitlines()[-1])
    run("gallery", "remove", kept["id"])
    assert kept["id"] in run("gallery", "trash").stdout
    refused = run("gallery", "empty")
    assert (refused.returncode, "gallery empty --yes" in refused.stderr) == (2, True)
    assert run("gallery", "empty", "--yes").stdout == "1 pictures deleted\n"
    assert run("gallery", "trash").stderr == "the trash is empty\n"


def test_painting_from_a_picture_records_its_parent() -> None:
    first = json.loads(run("paint", "a red house", *QUICK, "--json").stdout.splitlines()[-1])
    done = run("paint", "a blue house", *QUICK, "--image", first["id"], "--strength", "0.6", "--json")
    recipe = json.loads(done.stdout.splitlines()[-1])["recipe"]
    assert recipe["parent"] == first["id"]
    assert recipe["parent_pixels"] == first["recipe"]["pixels"]
    assert recipe["strength"] == 0.6


def test_a_sentence_changes_the_newest_picture_only_where_refine_is_given() -> None:
    first = json.loads(run("paint", "a red house at noon", *QUICK, "--json").stdout.splitlines()[-1])
    done = run("paint", "make it night", *QUICK, "--last", "--refine", "--json")
    night = json.loads(done.stdout.splitlines()[-1])["recipe"]
    assert (night["prompt"], night["seed"]) == ("a red house at night", first["recipe"]["seed"])
    assert night["parent"] == first["id"]
    plain = json.loads(run("paint", "make it blue", *QUICK, "--last", "--json").stdout.splitlines()[-1])["recipe"]
    assert (plain["prompt"], plain["parent"]) == ("make it blue", night["id"])
    unplaced = run("paint", "castle", *QUICK, "--image", first["id"], "--refine")
    assert 'to change the last one say "make it ..."' in unplaced.stderr
    assert run("paint", "undo", *QUICK, "--last", "--refine").returncode == 2


def test_a_word_unknown_to_the_demo_model_is_named_with_a_hint() -> None:
    done = run("paint", "a red dragon on the sea", *QUICK)
    assert "not: dragon (the full models: audio-to-image models get)" in done.stderr
    assert "not:" not in run("paint", "a red sailboat on the sea", *QUICK).stderr


def test_clean_is_a_filter_that_never_fails() -> None:
    assert run("clean", stdin=b"[MUSIC] a red (laughs) house").stdout == "a red house\n"
    assert run("clean", stdin=b"[MUSIC]").returncode == 0
    assert run("clean", stdin=b"\xff\xfe").returncode == 0
