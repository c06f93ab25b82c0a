"""`talk` with a real terminal, a virtual microphone and real engines."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from microphone import Microphone, microphone
from sounds import say
from terminal import COMMAND, PATIENCE, SEQUENCE, Terminal

from orchestrator.picture import read_png
from orchestrator.sound import read, write_wav

__all__ = ["microphone"]  # a fixture

READY = "Space or Enter: talk"
CUE = "speak now"
FEW_STEPS = ("--steps", "3")
MANY_STEPS = ("--steps", "300")


@pytest.fixture
def talk(microphone: Microphone) -> Callable[..., Terminal]:
    """Return a function that starts `talk` in a terminal."""
    return lambda *arguments, **how: Terminal(COMMAND, "talk", "--no-open", *arguments, **how)


@pytest.fixture
def sentence(recording: Path) -> Path:
    """A recorded sentence of three seconds."""
    return recording


@pytest.fixture
def short_sentence(recording: Path, tmp_path: Path) -> Path:
    """A recorded sentence of a second and a half."""
    samples = np.concatenate(list(read(recording)))[:24_000]
    write_wav(tmp_path / "short.wav", [samples])
    return tmp_path / "short.wav"


def pictures(home: Path) -> list[Path]:
    return sorted((home / "data" / "gallery").glob("*.png"))


def recordings(home: Path) -> list[Path]:
    return sorted((home / "data" / "recordings").glob("*"))


def test_a_sentence_becomes_a_picture(
    talk: Callable[..., Terminal], microphone: Microphone, sentence: Path, isolated: Path
) -> None:
    with talk("--once", "--now", "--timings", *FEW_STEPS) as terminal:
        terminal.wait_for(CUE)
        microphone.play(sentence)
        meter = terminal.wait_for("heard: ")
        assert "█" in meter
        assert re.search(r"\d\.\d s  [a-z]+ [a-z]+", SEQUENCE.sub("", meter)), "no words during speech"
        assert terminal.wait_for_exit() == 0
        (picture,) = pictures(isolated)
        assert f"\n{picture}\n" in terminal.text
        assert re.search(r"time: start .*, recording .*, painting .* in total", terminal.text)
        assert recordings(isolated) == [], "the recording was not deleted after its picture was kept"
        assert terminal.mode == terminal.mode_before
        assert terminal.wait_for_all_to_end()
        recipe = read_png(picture)
        assert recipe
        assert recipe.transcript in terminal.text
        assert recipe.recording


def test_a_sentence_ends_at_a_key_a_release_or_the_maximum_length(
    talk: Callable[..., Terminal], microphone: Microphone, sentence: Path, isolated: Path
) -> None:
    with talk("--seconds", "5", "--silence", "30", "--keep-audio", *FEW_STEPS, KITTY_WINDOW_ID="1") as terminal:
        terminal.wait_for(READY)
        terminal.press("\x1b[?0u")  # the terminal can report releases
        terminal.wait_for("\x1b[>11u")
        for ending in ("a key", "a release", "the window"):
            terminal.press("\x1b[32u" + ("" if ending == "a release" else "\x1b[32;1:3u"))
            terminal.wait_for(CUE)
            microphone.play(sentence)
            if ending != "the window":
                terminal.wait_for_meter(1.7)
                terminal.press("\x1b[32;1:3u" if ending == "a release" else "\x1b[32u")
            terminal.wait_for("heard: ")
            terminal.wait_for("\x1b_Ga=T,f=100")  # a preview
            terminal.wait_for(".png")
            terminal.wait_for(READY)
        terminal.resize(30)
        terminal.wait_for(READY[:29])
        terminal.press("q")
        assert terminal.wait_for_exit() == 0
        assert terminal.mode == terminal.mode_before
        assert terminal.wait_for_all_to_end()
    lengths = [path.stat().st_size / 32_000 for path in recordings(isolated)]
    assert [length < 4.9 for length in lengths] == [True, True, False]
    assert len(pictures(isolated)) == 3


def test_prompts_are_edited_rejected_refined_and_undone(
    talk: Callable[..., Terminal], microphone: Microphone, short_sentence: Path, isolated: Path
) -> None:
    with talk("--confirm", "--silence", "0.4", *FEW_STEPS) as terminal:

        def say_and_edit(prompt: str, expected: str) -> None:
            terminal.wait_for(READY)
            terminal.press(" ")
            terminal.wait_for(CUE)
            microphone.play(short_sentence)
            terminal.wait_for("paint: ")
            terminal.press(f"\x15{prompt}\r")
            terminal.wait_for(expected)

        say_and_edit("a red house at noon", ".png")
        say_and_edit("", "cancelled: nothing is painted")
        say_and_edit("make it night", ".png")
        say_and_edit("again", ".png")
        say_and_edit("undo", "back to: a red house at night")
        terminal.wait_for(".png")
        say_and_edit("undo that", "back to: a red house at noon")
        terminal.wait_for(".png")
        say_and_edit("go back", "there is no picture before this one")
        say_and_edit("redo", "forward to: a red house at night")
        terminal.wait_for(".png")
        terminal.wait_for(READY)
        terminal.press("\x04")
        assert terminal.wait_for_exit() == 0
    first, refined, again = (read_png(path) for path in pictures(isolated))
    assert first
    assert refined
    assert again
    assert [each.prompt for each in (first, refined, again)] == ["a red house at noon"] + 2 * ["a red house at night"]
    assert (refined.parent, refined.seed) == (first.id, first.seed)
    assert (again.parent, again.seed != first.seed) == (first.id, True)
    assert recordings(isolated) == [], "a rejected or undone sentence leaves no recording"


def test_a_picture_is_refined_by_voice(
    talk: Callable[..., Terminal], microphone: Microphone, tmp_path: Path, isolated: Path
) -> None:
    with talk("--silence", "0.5", *FEW_STEPS) as terminal:
        for words in ("a red house at noon", "make it night"):
            terminal.wait_for(READY)
            terminal.press(" ")
            terminal.wait_for(CUE)
            microphone.play(say(words, tmp_path / "said.wav"))
            terminal.wait_for(f"heard:  {words}")
            terminal.wait_for(".png")
    first, refined = (read_png(path) for path in pictures(isolated))
    assert first
    assert refined
    assert (refined.prompt, refined.transcript) == ("a red house at night", "make it night")
    assert refined.parent == first.id


@pytest.mark.parametrize("stage", ["listening", "confirming", "painting"])
def test_ctrl_c_deletes_the_unfinished_recording_and_picture(
    stage: str, talk: Callable[..., Terminal], microphone: Microphone, short_sentence: Path, isolated: Path
) -> None:
    at = {"confirming": "paint: ", "painting": "step 2/"}.get(stage)
    with talk("--once", "--now", *MANY_STEPS, *(["--confirm"] if stage == "confirming" else [])) as terminal:
        terminal.wait_for(CUE)
        microphone.play(short_sentence)
        terminal.wait_for(at) if at else terminal.wait_for_meter(1.0)
        terminal.press("\x03")
        assert terminal.wait_for_exit() == 130
        assert terminal.wait_for_all_to_end()
        assert terminal.mode == terminal.mode_before
    assert recordings(isolated) == []
    assert not [path for path in (isolated / "data").rglob("*") if path.suffix in (".png", ".part")]


def test_no_speech_is_exit_code_3_and_the_recording_stays_a_day(talk: Callable[..., Terminal], isolated: Path) -> None:
    with talk("--once", "--now", "--seconds", "1") as terminal:
        assert terminal.wait_for_exit() == 3
        (kept,) = recordings(isolated)
        assert kept.name.endswith(".silent.wav")
        assert "the recording is kept" not in terminal.text
        assert "no speech heard" in terminal.text
        assert terminal.mode == terminal.mode_before


def test_a_killed_engine_is_one_error_and_the_next_sentence_starts_a_new_one(
    talk: Callable[..., Terminal], microphone: Microphone, short_sentence: Path, isolated: Path
) -> None:
    with talk(*MANY_STEPS, "--silence", "2") as terminal:
        for library, stage, message in (
            ("pywhispercpp", None, "the speech engine died (signal 9)"),
            ("onnxruntime", "step 2/", "the picture engine died (signal 9)"),
            ("/ffmpeg", None, "the microphone was lost"),
        ):
            terminal.wait_for(READY)
            terminal.press("\r")
            terminal.wait_for(CUE)
            microphone.play(short_sentence)
            terminal.wait_for(stage) if stage else terminal.wait_for_meter(1.0)
            os.kill(terminal.engine_process(library), signal.SIGKILL)
            terminal.wait_for("the recording is kept: ")
            terminal.wait_for(message)
        assert len(recordings(isolated)) == 3
        terminal.wait_for(READY)
        terminal.press("\r")
        terminal.wait_for(CUE)
        microphone.play(short_sentence)
        terminal.wait_for("step 2/")
        terminal.press("\x03")
        assert terminal.wait_for_exit() == 130
        assert terminal.wait_for_all_to_end()
        assert len(recordings(isolated)) == 3


def test_a_killed_talk_leaves_its_recording_and_restores_the_terminal(
    talk: Callable[..., Terminal], microphone: Microphone, short_sentence: Path, isolated: Path
) -> None:
    with talk("--once", "--now", "--silence", "30") as terminal:
        terminal.wait_for(CUE)
        microphone.play(short_sentence)
        terminal.wait_for_meter(1.0)
        terminal.process.kill()
        terminal.wait_for_exit()
        assert terminal.wait_for_all_to_end(), "a child process is still running"
        assert terminal.mode == terminal.mode_before
    (part,) = recordings(isolated)
    assert part.name.endswith(".part.wav")
    with talk() as terminal:
        terminal.wait_for("recovered an interrupted recording: ")
        terminal.wait_for(READY)
        terminal.press("q")
        assert terminal.wait_for_exit() == 0
    (kept,) = recordings(isolated)
    assert sum(len(block) for block in read(kept)) > 8_000


def test_without_a_terminal_only_the_path_is_printed(
    microphone: Microphone, short_sentence: Path, isolated: Path
) -> None:
    closed = [
        "sh",
        "-c",
        'exec "$@" <&- 2>/dev/null',
        "sh",
        COMMAND,
        "talk",
        "--once",
        "--now",
        "--no-open",
        *FEW_STEPS,
    ]
    process = subprocess.Popen(closed, stdout=subprocess.PIPE, text=True)
    _play_when_opened(microphone, short_sentence, isolated)
    stdout, _ = process.communicate(timeout=PATIENCE)
    assert (stdout, process.returncode) == (f"{pictures(isolated)[0]}\n", 0)


def test_json_has_the_same_events(microphone: Microphone, sentence: Path, isolated: Path) -> None:
    command = [COMMAND, "talk", "--once", "--no-open", "--json", *FEW_STEPS]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    _play_when_opened(microphone, sentence, isolated)
    stdout, _ = process.communicate(timeout=PATIENCE)
    events = [json.loads(line) for line in stdout.splitlines()]
    names = [each["event"] for each in events]
    order = [names.index(name) for name in ("opened", "level", "words", "recorded", "heard", "painted", "kept")]
    assert order == sorted(order)
    assert next(each for each in events if each["event"] == "recorded")["why"] == "silence"
    assert process.returncode == 0


def test_a_dumb_terminal_gets_plain_lines(talk: Callable[..., Terminal]) -> None:
    with talk(TERM="dumb", NO_COLOR="1", columns=20) as terminal:
        terminal.wait_for(READY)
        terminal.press("q")
        assert terminal.wait_for_exit() == 0
        assert "\x1b" not in terminal.raw
        assert terminal.mode == terminal.mode_before


def _play_when_opened(microphone: Microphone, sound: Path, home: Path, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not recordings(home):
        assert time.monotonic() < end
        time.sleep(0.02)
    microphone.play(sound)


def test_record_prints_its_path_on_a_line_of_its_own(microphone: Microphone, isolated: Path) -> None:
    with Terminal(COMMAND, "record") as terminal:
        terminal.wait_for_meter(0.3)
        terminal.press("\r")
        assert terminal.wait_for_exit() == 0
        (path,) = recordings(isolated)
        assert f"\n{path}\n" in terminal.text
