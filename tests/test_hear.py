"""Speech recognition with real whisper.cpp, as a library and as a program; model files; hallucinations."""

from __future__ import annotations

import dataclasses
import pickle
import struct
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parrot import Parrot
from sounds import noise, silence, speech, tones

from orchestrator import shell
from orchestrator.choices import HEARERS
from orchestrator.errors import AudioToImageError, Misuse, ModelMissing
from orchestrator.hear import Hearer
from orchestrator.hear.speech import SILENT, Task, believe, ggml, join, listen, open_hearer
from orchestrator.hear.speech.voice import spans
from orchestrator.meaning import Meaning, Nothing, Segment, Words
from orchestrator.settings import demo_models
from orchestrator.sound import Samples, Span, pieces, read

pytestmark = pytest.mark.quick

DEMO = demo_models() / "ggml-demo.bin"
SENTENCE = "a red lighthouse by the sea at sunset"
RED_HOUSE = Parrot(words=("a", "red", "house"))

needs_cli = pytest.mark.skipif(
    not (shell.find("whisper-cli") or shell.find("whisper-cpp")), reason="whisper-cli is not installed"
)
both_hearers = pytest.mark.parametrize("hearer", ["whisper", pytest.param("whisper-cli", marks=needs_cli)])


@pytest.fixture
def said(tmp_path: Path) -> Samples:
    return np.concatenate([silence(0.3), speech(SENTENCE, tmp_path), silence(0.3)])


def meanings(hearer: Hearer, sound: Iterable[Samples]) -> list[Words | Nothing]:
    """Return what was heard so far after each piece of a recording."""
    cut = pieces(sound, hearer.facts.longest)
    return list(listen(hearer.hear, cut, spans, hearer.facts.sample_rate))


def as_words(meaning: Meaning) -> Words:
    assert isinstance(meaning, Words)
    return meaning


@pytest.fixture
def hear(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that has a parrot hear a sound, after voice detection."""

    def hear(sound: Samples, parrot: Parrot, hearer: str = "whisper", **task: Any) -> Words | Nothing:
        model = parrot.write(tmp_path / "ggml-parrot.bin")
        opened = open_hearer(model, hearer=hearer, task=Task(**task))
        heard = meanings(opened, [sound])[-1]
        opened.unload()
        return heard

    return hear


@both_hearers
def test_heard_has_words_probability_and_spans_of_speech(hearer: str, said: Samples, hear):
    heard = hear(said, RED_HOUSE, hearer)
    assert (heard.text, heard.language) == ("a red house", "en")
    assert (heard.evidence.engine, heard.evidence.model) == (hearer, "parrot")
    assert heard.segments == (Segment(text="a red house", probability=heard.probability),)
    assert heard.probability == pytest.approx(0.95, abs=0.01)


@both_hearers
def test_segments_have_times_only_if_the_model_has_timestamps(hearer: str, said: Samples, hear):
    timed = hear(said, dataclasses.replace(RED_HOUSE, span=(0.0, 2.8)), hearer)
    assert (timed.segments[0].start, timed.segments[0].end) == (0.0, pytest.approx(2.8, abs=0.05))
    untimed = hear(said, RED_HOUSE, hearer)
    assert (untimed.segments[0].start, untimed.segments[0].end) == (None, None)


@both_hearers
def test_a_multilingual_model_detects_the_language(hearer: str, said: Samples, hear):
    heard = hear(said, Parrot(words=("ein", "Haus"), language="de"), hearer)
    assert (heard.text, heard.language) == ("ein Haus", "de")
    assert hear(said, Parrot(words=("ein", "Haus"), language="de"), hearer, language="zh").language == "zh"


@both_hearers
def test_the_demo_model_loads_hears_and_unloads_twice(hearer: str, said: Samples):
    opened = open_hearer(DEMO, hearer=hearer)
    assert opened.facts.longest == pytest.approx(10.24)
    heard = as_words(opened.hear(said))
    assert set(heard.text.split()) <= {*ggml.check(DEMO).words, "[BLANK_AUDIO]", "[MUSIC]"}
    opened.unload()
    opened.unload()


def test_the_demo_recordings_are_understood():
    table = tomllib.loads((demo_models() / "recordings" / "recordings.toml").read_text())["recording"]
    opened, right = open_hearer(DEMO), 0.0
    for each in table:
        sound = read(demo_models() / "recordings" / each["file"])
        heard = as_words(meanings(opened, sound)[-1])
        right += SequenceMatcher(None, each["said"].split(), heard.text.split()).ratio()
    opened.unload()
    assert right / len(table) > 0.9


@needs_cli
def test_both_hearers_hear_the_same(said: Samples):
    one, other = (as_words(open_hearer(DEMO, hearer=hearer).hear(said)) for hearer in HEARERS)
    assert one.text == other.text
    assert one.probability == pytest.approx(other.probability, rel=0.05)


def test_hearing_after_unloading_loads_again(said: Samples, tmp_path: Path):
    opened = open_hearer(RED_HOUSE.write(tmp_path / "ggml-p.bin"))
    first = opened.hear(said)
    opened.unload()
    assert opened.hear(said) == first
    opened.unload()


def test_a_very_short_piece_is_heard_and_a_too_long_one_is_an_error(tmp_path: Path):
    opened = open_hearer(RED_HOUSE.write(tmp_path / "ggml-p.bin"))
    assert as_words(opened.hear(noise(0.05))).text == "a red house"
    with pytest.raises(ValueError, match=r"10\.24"):
        opened.hear(noise(11))
    opened.unload()


def test_a_long_recording_is_heard_in_pieces_with_continuous_times(tmp_path: Path):
    said = speech(SENTENCE, tmp_path)
    sound = np.concatenate([said, silence(6), said, silence(9), tones(4, 440), said])
    opened = open_hearer(dataclasses.replace(RED_HOUSE, span=(0.0, 2.0)).write(tmp_path / "ggml-p.bin"))
    progress = [as_words(each) for each in meanings(opened, [sound])]
    opened.unload()
    assert [heard.text for heard in progress[:2]] == ["a red house", "a red house a red house"]
    times = [segment.start or 0.0 for segment in progress[-1].segments]
    assert len(times) == 3
    assert times == sorted(times)
    assert times[-1] > 15


def test_scripts_without_spaces_are_joined_without_them():
    first, second = Words(text="赤い", language="ja"), Words(text="家", language="ja")
    assert as_words(join(first, second, after=1.0)).text == "赤い家"
    first, second = Words(text="a red", language="en"), Words(text="house", language="en")
    assert as_words(join(first, second, after=1.0)).text == "a red house"


def test_heard_travels_between_processes():
    heard = Words(text="a", segments=(Segment(text="a"),))
    assert pickle.loads(pickle.dumps(heard)) == heard  # noqa: S301 - our own


# Rejected words


@pytest.mark.parametrize("sound", [silence(3), noise(3), tones(3, 50, 100), tones(3, 440), silence(0)])
def test_the_model_is_not_run_without_speech(sound: Samples, hear):
    assert hear(sound, RED_HOUSE) == Nothing(reason="nobody spoke")


def test_thank_you_is_rejected_only_if_the_model_is_unsure(hear, tmp_path: Path):
    said = speech("thank you", tmp_path)
    thanks = Parrot(words=("Thank", "you."))
    assert hear(said, thanks).text == "Thank you."
    doubted = hear(said, dataclasses.replace(thanks, sure=0.4))
    assert isinstance(doubted, Nothing)
    assert "when nobody speaks" in doubted.reason
    assert "Thank you." in doubted.reason


def test_low_probability_alone_rejects_nothing(said: Samples, hear):
    assert hear(said, dataclasses.replace(RED_HOUSE, sure=0.3)).text == "a red house"


def test_a_loop_of_one_word_is_refused_and_a_few_repetitions_are_not(said: Samples, hear):
    assert "over and over" in hear(said, Parrot(words=("you",) * 12)).reason
    assert "over and over" in hear(said, Parrot(words=("a", "red", "house") * 4, sure=0.4)).reason
    assert hear(said, Parrot(words=("no",) * 5)).text == "no no no no no"


def test_more_words_than_the_speech_has_time_for_are_rejected(hear, tmp_path: Path):
    text = "the rain in spain stays mainly in the plain and so does the snow"
    parrot = Parrot(words=tuple(text.split()))
    assert "in that time" in hear(speech("no", tmp_path), parrot).reason
    assert hear(speech(text, tmp_path), parrot).text == text


def test_a_rejected_piece_does_not_affect_the_others():
    spoken = (Span(start=0, end=2),)
    good = believe(Words(text="a red house", segments=(Segment(text="a red house", probability=0.9),)), spoken)
    bad = believe(Words(text="you " * 20, segments=(Segment(text="you", probability=0.9),)), spoken)
    both_pieces = join(good, bad, after=10.0)
    assert both_pieces == good
    assert join(bad, bad, after=10.0) == bad
    assert join(SILENT, good, after=0.0) == good


# Tasks


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (Task(translate=True), "knows only English and cannot translate"),
        (Task(language="de"), "knows only English, not 'de'"),
        (Task(language="klingon"), "no language 'klingon'"),
    ],
)
def test_a_task_that_an_english_model_cannot_do_is_misuse_with_a_hint(task: Task, words: str):
    with pytest.raises(Misuse, match=words) as error:
        open_hearer(DEMO, task=task)
    assert error.value.hint


def test_an_unknown_hearer_is_misuse():
    with pytest.raises(Misuse, match="no hearer 'ears'"):
        open_hearer(DEMO, hearer="ears")


@needs_cli
def test_whisper_cli_gets_all_options_of_the_task(tmp_path: Path):
    model = Parrot(words=("a",), language="de", audio_context=500).write(tmp_path / "ggml-p.bin")
    hearer = open_hearer(
        model, hearer="whisper-cli", task=Task(language="DE", translate=True, threads=1, initial_prompt="-x")
    )
    arguments = hearer.arguments(Path("piece.wav"), Path("words"))  # type: ignore[attr-defined]
    expected = [
        *("-m", str(model), "-f", "piece.wav", "-of", "words", "-ojf", "-np", "-bs", "1"),
        *("-l", "de", "-t", "1", "-tr", "--prompt", "-x", "-nf"),
    ]
    assert [each for each in arguments[1:] if each != "-nfa"] == expected


@pytest.mark.parametrize(("context", "disabled"), [(500, True), (512, False)])
def test_flash_attention_is_disabled_where_it_would_read_padding(
    context: int, disabled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = tmp_path / f"{context}" / "whisper-cli"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho '  -nfa,      --no-flash-attn'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    model = Parrot(words=("a",), audio_context=context).write(tmp_path / "ggml-p.bin")
    hearer = open_hearer(model, hearer="whisper-cli")
    arguments = hearer.arguments(Path("piece.wav"), Path("words"))  # type: ignore[attr-defined]
    assert arguments[0] == str(program)
    assert ("-nfa" in arguments) == disabled


@needs_cli
def test_whisper_cli_that_writes_no_output_is_an_error_even_with_status_0(
    said: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = tmp_path / "whisper-cli"
    program.write_text("#!/bin/sh\necho 'error: failed to read audio file' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioToImageError, match="failed to read audio file"):
        open_hearer(DEMO, hearer="whisper-cli").hear(said)


def test_missing_whisper_cli_is_one_line_and_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(shell, "HOMES", ())
    with pytest.raises(AudioToImageError, match="no whisper-cli") as error:
        open_hearer(DEMO, hearer="whisper-cli").load()
    assert "brew install whisper-cpp" in error.value.hint


# Model files


def test_a_model_file_describes_the_model(tmp_path: Path):
    demo = ggml.check(DEMO)
    assert (demo.name, demo.multilingual, demo.timed, demo.flash_attention) == ("demo", False, False, True)
    assert {"lighthouse", "red"} <= set(demo.words)
    assert demo.threads(0) == 1
    other = ggml.check(Parrot(words=("ein",), language="de", span=(0, 1), audio_context=500).write(tmp_path / "p.bin"))
    assert (other.multilingual, other.timed, other.flash_attention) == (True, True, False)
    assert other.longest == pytest.approx(10.0)


def damaged(data: bytes, name: str) -> bytes:
    match name:
        case "empty":
            return b""
        case "text":
            return b"To be, or not to be: that is the question.\n" * 100
        case "a web page":
            return b"<!doctype html><title>404</title>" + bytes(1000)
        case "cut in the header":
            return data[:40]
        case "cut in the tokens":
            return data[: 48 + 8 + 4 * 80 * 201 + 30]
        case "cut in the last tensor":
            return data[:-1]
        case "longer than it should be":
            return data + bytes(100)
        case "impossible layers":
            return data[:20] + struct.pack("<i", -1) + data[24:]
        case "a layer more than there is":
            return data[:20] + struct.pack("<i", struct.unpack_from("<i", data, 20)[0] + 1) + data[24:]
    raise AssertionError(name)


@pytest.mark.parametrize(
    "name",
    [
        "empty", "text", "a web page", "cut in the header", "cut in the tokens", "cut in the last tensor",
        "longer than it should be", "impossible layers", "a layer more than there is",
    ],
)  # fmt: skip
def test_a_file_that_would_crash_whisper_is_one_line_and_a_hint(name: str, tmp_path: Path):
    path = tmp_path / "ggml-broken.bin"
    path.write_bytes(damaged(DEMO.read_bytes(), name))
    with pytest.raises(AudioToImageError) as error:
        open_hearer(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.hint


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_download_truncated_anywhere_is_detected(share: float, tmp_path: Path):
    path = tmp_path / "ggml-cut.bin"
    data = DEMO.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(AudioToImageError, match=r"bytes are missing|tensors"):
        ggml.check(path)


def test_a_missing_model_has_exit_code_4(tmp_path: Path):
    with pytest.raises(ModelMissing) as error:
        open_hearer(tmp_path / "ggml-none.bin")
    assert error.value.exit_code == 4


def test_importing_the_speech_package_imports_no_engine():
    program = (
        "import sys, orchestrator.hear.speech; print({'_pywhispercpp', 'pywhispercpp', 'numpy'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
