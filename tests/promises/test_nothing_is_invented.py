"""Sounds without speech give no picture, and almost no speech is refused."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
from nonspeech import KINDS, babble, sound
from repetitions import repetitions

from orchestrator import events
from orchestrator.errors import NoSpeech
from orchestrator.line import pipeline
from orchestrator.line.engines import Line
from orchestrator.settings import load
from orchestrator.sound import write_wav

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
CROWDS = (2, 4, 8, 16, 30)
MOST_REFUSED = 0.01


@pytest.fixture
def line() -> Iterator[Line]:
    with Line(load({"steps": 1})) as line:
        yield line


def refusals(line: Line, recordings: list[str]) -> list[events.Failed]:
    """Run recordings through the whole pipeline, assert that no picture was kept, and return the errors."""
    found = list(pipeline.pictures(line, recordings))
    assert not [each for each in found if isinstance(each, events.Kept)]
    return [each for each in found if isinstance(each, events.Failed)]


def test_a_recording_without_speech_gives_no_picture(line: Line, tmp_path: Path, record_property: Callable) -> None:
    recordings = []
    for kind in KINDS:
        for number in range(repetitions(1, 40)):
            recordings.append(tmp_path / f"{kind} {number}.wav")
            write_wav(recordings[-1], [sound(kind, number)])
    failures = refusals(line, list(map(str, recordings)))
    assert {each.source: each.code for each in failures} == dict.fromkeys(recordings, NoSpeech.exit_code)
    assert not list(line.settings.data.rglob("*.png"))
    record_property("seen", f"{len(failures)} recordings of {len(KINDS)} kinds: exit 3 and no picture in all")


@pytest.mark.parametrize("kind", ["a band", "babble of 40", "breath"])
def test_the_command_reports_missing_speech_and_exits_with_3(kind: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "sound.wav", [sound(kind, 0)])
    done = subprocess.run([COMMAND, "picture", tmp_path / "sound.wav"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (NoSpeech.exit_code, "")
    assert "no speech heard" in done.stderr


def test_words_found_in_small_crowds_are_counted(line: Line, tmp_path: Path, record_property: Callable) -> None:
    """People do speak in them, so there is no right answer: the counts are only shown."""
    painted: Counter[int] = Counter()
    for speakers in CROWDS:
        for number in range(repetitions(1, 20)):
            path = tmp_path / "crowd.wav"
            write_wav(path, [sound(f"crowd {speakers}", number, partial(babble, speakers=speakers))])
            painted[speakers] += not refused(line, path)
    shares = ", ".join(f"{speakers} voices {painted[speakers]}" for speakers in CROWDS)
    record_property("seen", f"words in so many of {repetitions(1, 20)} crowds each: {shares}")


def test_almost_no_speech_is_refused(line: Line, tmp_path: Path, record_property: Callable) -> None:
    from training.demo.speech.corpus import is_held_out
    from training.demo.speech.voices import UNSEEN, random_voice, say
    from training.demo.world import random_sentence

    count, random, silent = repetitions(10, 200), Random("held out"), []
    while count:
        text = random_sentence(random)
        if not is_held_out(text):
            continue
        voice = random_voice(random) if count % 2 else random.choice(list(UNSEEN.values()))
        write_wav(tmp_path / "said.wav", [(say(voice, text) * 32767).astype("int16")])
        silent += [f"{voice}: {text}"] if refused(line, tmp_path / "said.wav") else []
        count -= 1
    assert len(silent) <= MOST_REFUSED * repetitions(10, 200), silent
    record_property(
        "seen", f"{repetitions(10, 200)} held-out sentences by voices known and unknown: {len(silent)} refused"
    )


def refused(line: Line, path: Path) -> bool:
    try:
        for _ in pipeline.hearing(line, path):
            pass
    except NoSpeech:
        return True
    return False
