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
from person import COMMAND, PATIENCE, SEQUENCE, Person
from sounds import say

from orchestrator.picture import read_png
from orchestrator.sound import read, write_wav

__all__ = ["microphone"]  # a fixture

READY = "space or Enter: talk"
CUE = "speak now"
FEW_STEPS = ("--steps", "3")
MANY_STEPS = ("--steps", "300")


@pytest.fixture
def talk(microphone: Microphone) -> Callable[..., Person]:
    """Return a function that starts `talk` in a terminal."""
    return lambda *arguments, **how: Person(COMMAND, "talk", "--no-open", *arguments, **how)


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
    talk: Callable[..., Person], microphone: Microphone, sentence: Path, isolated: Path
) -> None:
    with talk("--once", "--now", "--timings", *FEW_STEPS) as person:
        person.see(CUE)
        microphone.play(sentence)
        meter = person.see("heard: ")
        assert "█" in meter
        assert re.search(r"\d\.\d s  [a-z]+ [a-z]+", SEQUENCE.sub("", meter)), "no words during speech"
        assert person.leave() == 0
        (picture,) = pictures(isolated)
        assert f"\n{picture}\n" in person.text
        assert re.search(r"time: start .*, recording .*, painting .* in total", person.text)
        assert recordings(isolated) == [], "the recording was not deleted after its picture was kept"
        assert person.mode == person.found
        assert person.alone()
        recipe = read_png(picture)
        assert recipe
        assert recipe.transcript in person.text
        assert recipe.recording


def test_a_sentence_ends_at_a_key_a_release_or_the_maximum_length(
    talk: Callable[..., Person], microphone: Microphone, sentence: Path, isolated: Path
) -> None:
    with talk("--seconds", "5", "--silence", "30", "--keep-audio", *FEW_STEPS, KITTY_WINDOW_ID="1") as person:
        person.see(READY)
        person.press("\x1b[?0u")  # the terminal can report releases
        person.see("\x1b[>11u")
        for ending in ("a key", "a release", "the window"):
            person.press("\x1b[32u" + ("" if ending == "a release" else "\x1b[32;1:3u"))
            person.see(CUE)
            microphone.play(sentence)
            if ending != "the window":
                person.see_meter(1.7)
                person.press("\x1b[32;1:3u" if ending == "a release" else "\x1b[32u")
            person.see("heard: ")
            person.see("\x1b_Ga=T,f=100")  # a preview
            person.see(".png")
            person.see(READY)
        person.resize(30)
        person.see(READY[:29])
        person.press("q")
        assert person.leave() == 0
        assert person.mode == person.found
        assert person.alone()
    lengths = [path.stat().st_size / 32_000 for path in recordings(isolated)]
    assert [length < 4.9 for length in lengths] == [True, True, False]
    assert len(pictures(isolated)) == 3


def test_prompts_are_edited_rejected_refined_and_undone(
    talk: Callable[..., Person], microphone: Microphone, short_sentence: Path, isolated: Path
) -> None:
    with talk("--confirm", "--silence", "0.4", *FEW_STEPS) as person:

        def say_and_edit(prompt: str, expected: str) -> None:
            person.see(READY)
            person.press(" ")
            person.see(CUE)
            microphone.play(short_sentence)
            person.see("paint: ")
            person.press(f"\x15{prompt}\r")
            person.see(expected)

        say_and_edit("a red house at noon", ".png")
        say_and_edit("", "cancelled: nothing is painted")
        say_and_edit("make it night", ".png")
        say_and_edit("again", ".png")
        say_and_edit("undo", "back to: a red house at night")
        person.see(".png")
        person.see(READY)
        person.press("\x04")
        assert person.leave() == 0
    first, refined, again = (read_png(path) for path in pictures(isolated))
    assert first
    assert refined
    assert again
    assert [each.prompt for each in (first, refined, again)] == ["a red house at noon"] + 2 * ["a red house at night"]
    assert (refined.parent, refined.seed) == (first.id, first.seed)
    assert (again.parent, again.seed != first.seed) == (first.id, True)
    assert recordings(isolated) == [], "a rejected or undone sentence leaves no recording"


def test_a_picture_is_refined_by_voice(
    talk: Callable[..., Person], microphone: Microphone, tmp_path: Path, isolated: Path
) -> None:
    with talk("--silence", "0.5", *FEW_STEPS) as person:
        for words in ("a red house at noon", "make it night"):
            person.see(READY)
            person.press(" ")
            person.see(CUE)
            microphone.play(say(words, tmp_path / "said.wav"))
            person.see(f"heard:  {words}")
            person.see(".png")
    first, refined = (read_png(path) for path in pictures(isolated))
    assert first
    assert refined
    assert (refined.prompt, refined.transcript) == ("a red house at night", "make it night")
    assert refined.parent == first.id


@pytest.mark.parametrize("stage", ["listening", "confirming", "painting"])
def test_ctrl_c_deletes_the_unfinished_recording_and_picture(
    stage: str, talk: Callable[..., Person], microphone: Microphone, short_sentence: Path, isolated: Path
) -> None:
    at = {"confirming": "paint: ", "painting": "step 2/"}.get(stage)
    with talk("--once", "--now", *MANY_STEPS, *(["--confirm"] if stage == "confirming" else [])) as person:
        person.see(CUE)
        microphone.play(short_sentence)
        person.see(at) if at else person.see_meter(1.0)
        person.press("\x03")
        assert person.leave() == 130
        assert person.alone()
        assert person.mode == person.found
    assert recordings(isolated) == []
    assert not [path for path in (isolated / "data").rglob("*") if path.suffix in (".png", ".part")]


def test_no_speech_is_exit_code_3_and_keeps_the_recording(talk: Callable[..., Person], isolated: Path) -> None:
    with talk("--once", "--now", "--seconds", "1") as person:
        assert person.leave() == 3
        (kept,) = recordings(isolated)
        assert f"the recording is kept: {kept}" in person.text
        assert "no speech heard" in person.text
        assert person.mode == person.found


def test_a_killed_engine_is_one_error_and_the_next_sentence_starts_a_new_one(
    talk: Callable[..., Person], microphone: Microphone, short_sentence: Path, isolated: Path
) -> None:
    with talk(*MANY_STEPS, "--silence", "2") as person:
        for library, stage, message in (
            ("pywhispercpp", None, "the speech engine died (signal 9)"),
            ("onnxruntime", "step 2/", "the picture engine died (signal 9)"),
            ("/ffmpeg", None, "the microphone was lost"),
        ):
            person.see(READY)
            person.press("\r")
            person.see(CUE)
            microphone.play(short_sentence)
            person.see(stage) if stage else person.see_meter(1.0)
            os.kill(person.engine(library), signal.SIGKILL)
            person.see("the recording is kept: ")
            person.see(message)
        assert len(recordings(isolated)) == 3
        person.see(READY)
        person.press("\r")
        person.see(CUE)
        microphone.play(short_sentence)
        person.see("step 2/")
        person.press("\x03")
        assert person.leave() == 130
        assert person.alone()
        assert len(recordings(isolated)) == 3


def test_a_killed_talk_leaves_its_recording_and_restores_the_terminal(
    talk: Callable[..., Person], microphone: Microphone, short_sentence: Path, isolated: Path
) -> None:
    with talk("--once", "--now", "--silence", "30") as person:
        person.see(CUE)
        microphone.play(short_sentence)
        person.see_meter(1.0)
        person.process.kill()
        person.leave()
        assert person.alone(), "a child process is still running"
        assert person.mode == person.found
    (part,) = recordings(isolated)
    assert part.name.endswith(".part.wav")
    with talk() as person:
        person.see("recovered an interrupted recording: ")
        person.see(READY)
        person.press("q")
        assert person.leave() == 0
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


def test_a_dumb_terminal_gets_plain_lines(talk: Callable[..., Person]) -> None:
    with talk(TERM="dumb", NO_COLOR="1", columns=20) as person:
        person.see(READY)
        person.press("q")
        assert person.leave() == 0
        assert "\x1b" not in person.raw
        assert person.mode == person.found


def _play_when_opened(microphone: Microphone, sound: Path, home: Path, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not recordings(home):
        assert time.monotonic() < end
        time.sleep(0.02)
    microphone.play(sound)
