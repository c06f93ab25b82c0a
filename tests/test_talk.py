"""Press to talk, as a person meets it: a real terminal, a real microphone, real engines."""

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
STEPS = ("--steps", "3")
SLOWLY = ("--steps", "300")


@pytest.fixture
def talk(microphone: Microphone) -> Callable[..., Person]:
    """Start talking in a terminal."""
    return lambda *arguments, **how: Person(COMMAND, "talk", "--no-open", *arguments, **how)


@pytest.fixture
def sentence(recording: Path) -> Path:
    """Something to say, of three seconds."""
    return recording


@pytest.fixture
def short(recording: Path, tmp_path: Path) -> Path:
    """Something to say in a second and a half."""
    samples = np.concatenate(list(read(recording)))[:24_000]
    write_wav(tmp_path / "short.wav", [samples])
    return tmp_path / "short.wav"


def pictures(home: Path) -> list[Path]:
    return sorted((home / "data" / "gallery").glob("*.png"))


def recordings(home: Path) -> list[Path]:
    return sorted((home / "data" / "recordings").glob("*"))


def test_a_sentence_becomes_a_picture_when_it_ends(
    talk: Callable[..., Person], microphone: Microphone, sentence: Path, isolated: Path
) -> None:
    with talk("--once", "--now", "--timings", *STEPS) as person:
        person.see(CUE)
        microphone.play(sentence)
        meter = person.see("heard: ")
        assert "█" in meter
        assert re.search(r"\d\.\d s  [a-z]+ [a-z]+", SEQUENCE.sub("", meter)), "no words while someone spoke"
        assert person.leave() == 0
        (picture,) = pictures(isolated)
        assert f"\n{picture}\n" in person.text
        assert re.search(r"time: start .*, recording .*, painting .* in all", person.text)
        assert recordings(isolated) == [], "a recording stays though its picture is kept"
        assert person.mode == person.found
        assert person.alone()
        recipe = read_png(picture)
        assert recipe
        assert recipe.transcript in person.text
        assert recipe.recording


def test_a_session_stops_at_the_key_at_a_release_and_at_the_window(
    talk: Callable[..., Person], microphone: Microphone, sentence: Path, isolated: Path
) -> None:
    with talk("--seconds", "5", "--silence", "30", "--keep-audio", *STEPS, KITTY_WINDOW_ID="1") as person:
        person.see(READY)
        person.press("\x1b[?0u")  # the terminal can tell releases
        person.see("\x1b[>11u")
        for ending in ("a key", "a release", "the window"):
            person.press("\x1b[32u" + ("" if ending == "a release" else "\x1b[32;1:3u"))
            person.see(CUE)
            microphone.play(sentence)
            if ending != "the window":
                person.see_meter(1.7)
                person.press("\x1b[32;1:3u" if ending == "a release" else "\x1b[32u")
            person.see("heard: ")
            person.see("\x1b_Ga=T,f=100")  # the picture as it forms
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


def test_words_are_edited_refused_refined_and_undone(
    talk: Callable[..., Person], microphone: Microphone, short: Path, isolated: Path
) -> None:
    with talk("--confirm", "--silence", "0.4", *STEPS) as person:

        def said(edit: str, seen: str) -> None:
            person.see(READY)
            person.press(" ")
            person.see(CUE)
            microphone.play(short)
            person.see("paint: ")
            person.press(f"\x15{edit}\r")
            person.see(seen)

        said("a red house at noon", ".png")
        said("", "refused")
        said("make it night", ".png")
        said("again", ".png")
        said("undo", "back to: a red house at night")
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
    assert recordings(isolated) == [], "neither a refused nor an undone sentence leaves its recording"


def test_a_picture_is_refined_by_voice(
    talk: Callable[..., Person], microphone: Microphone, tmp_path: Path, isolated: Path
) -> None:
    with talk("--silence", "0.5", *STEPS) as person:
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
def test_ctrl_c_deletes_what_was_begun(
    stage: str, talk: Callable[..., Person], microphone: Microphone, short: Path, isolated: Path
) -> None:
    at = {"confirming": "paint: ", "painting": "step 2/"}.get(stage)
    with talk("--once", "--now", *SLOWLY, *(["--confirm"] if stage == "confirming" else [])) as person:
        person.see(CUE)
        microphone.play(short)
        person.see(at) if at else person.see_meter(1.0)
        person.press("\x03")
        assert person.leave() == 130
        assert person.alone()
        assert person.mode == person.found
    assert recordings(isolated) == []
    assert not [path for path in (isolated / "data").rglob("*") if path.suffix in (".png", ".part")]


def test_no_speech_is_status_3_and_its_recording_is_named(talk: Callable[..., Person], isolated: Path) -> None:
    with talk("--once", "--now", "--seconds", "1") as person:
        assert person.leave() == 3
        (kept,) = recordings(isolated)
        assert f"the recording is kept: {kept}" in person.text
        assert "no speech heard" in person.text
        assert person.mode == person.found


def test_an_engine_killed_is_one_error_and_the_next_sentence_starts_a_new_one(
    talk: Callable[..., Person], microphone: Microphone, short: Path, isolated: Path
) -> None:
    with talk(*SLOWLY, "--silence", "2") as person:
        for library, stage, message in (
            ("pywhispercpp", None, "the speech engine died (signal 9)"),
            ("onnxruntime", "step 2/", "the picture engine died (signal 9)"),
            ("/ffmpeg", None, "the microphone was lost"),
        ):
            person.see(READY)
            person.press("\r")
            person.see(CUE)
            microphone.play(short)
            person.see(stage) if stage else person.see_meter(1.0)
            os.kill(person.engine(library), signal.SIGKILL)
            person.see("the recording is kept: ")
            person.see(message)
        assert len(recordings(isolated)) == 3
        person.see(READY)
        person.press("\r")
        person.see(CUE)
        microphone.play(short)
        person.see("step 2/")
        person.press("\x03")
        assert person.leave() == 130
        assert person.alone()
        assert len(recordings(isolated)) == 3


def test_a_program_killed_leaves_its_recording_and_a_sane_terminal(
    talk: Callable[..., Person], microphone: Microphone, short: Path, isolated: Path
) -> None:
    with talk("--once", "--now", "--silence", "30") as person:
        person.see(CUE)
        microphone.play(short)
        person.see_meter(1.0)
        person.process.kill()
        person.leave()
        assert person.alone(), "a process is left"
        assert person.mode == person.found
    (part,) = recordings(isolated)
    assert part.name.endswith(".part.wav")
    with talk() as person:
        person.see("a recording cut short is kept: ")
        person.see(READY)
        person.press("q")
        assert person.leave() == 0
    (kept,) = recordings(isolated)
    assert sum(len(block) for block in read(kept)) > 8_000


def test_without_a_terminal_the_path_alone_is_printed(microphone: Microphone, short: Path, isolated: Path) -> None:
    closed = ["sh", "-c", 'exec "$@" <&- 2>/dev/null', "sh", COMMAND, "talk", "--once", "--now", "--no-open", *STEPS]
    process = subprocess.Popen(closed, stdout=subprocess.PIPE, text=True)
    _play_when_opened(microphone, short, isolated)
    stdout, _ = process.communicate(timeout=PATIENCE)
    assert (stdout, process.returncode) == (f"{pictures(isolated)[0]}\n", 0)


def test_the_same_story_is_told_as_json(microphone: Microphone, sentence: Path, isolated: Path) -> None:
    command = [COMMAND, "talk", "--once", "--no-open", "--json", *STEPS]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    _play_when_opened(microphone, sentence, isolated)
    stdout, _ = process.communicate(timeout=PATIENCE)
    told = [json.loads(line) for line in stdout.splitlines()]
    names = [each["event"] for each in told]
    order = [names.index(name) for name in ("opened", "level", "words", "recorded", "heard", "painted", "kept")]
    assert order == sorted(order)
    assert next(each for each in told if each["event"] == "recorded")["why"] == "silence"
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
