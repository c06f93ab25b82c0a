"""Recordings that stay, each for a reason: wanted, not painted yet, or nothing heard in it, which goes a day later."""

from __future__ import annotations

import json
import os
import time
import wave
from contextlib import nullcontext
from pathlib import Path

import pytest
from test_cli import run

from orchestrator import recordings
from orchestrator.errors import AudioToImageError, Cancelled, Misuse, NoSpeech, NotThere, Unreadable
from orchestrator.recordings import DAY, PENDING, SILENT

quick = pytest.mark.quick


@pytest.fixture
def folder(isolated: Path) -> Path:
    folder = isolated / "data" / "recordings"
    folder.mkdir(parents=True)
    return folder


def write(path: Path, seconds: float = 1.0) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(int(seconds * 32_000)))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@quick
@pytest.mark.parametrize(
    ("name", "state", "pending", "plain"),
    [
        ("a.wav", "", "a.pending.wav", "a.wav"),
        ("a.pending.wav", PENDING, "a.pending.wav", "a.wav"),
        ("a.silent.wav", SILENT, "a.pending.wav", "a.wav"),
        ("stdin-a", "", "stdin-a.pending", "stdin-a"),
        ("stdin-a.silent", SILENT, "stdin-a.pending", "stdin-a"),
    ],
)
def test_a_name_says_why_a_recording_is_there(name: str, state: str, pending: str, plain: str) -> None:
    assert recordings.state(Path(name)) == state
    assert recordings.named(Path(name), PENDING) == Path(pending)
    assert recordings.named(Path(name), "") == Path(plain)


# the name before, keep_audio, what happens, the name after
ENDS: list[tuple[str, bool, BaseException | None, str | None]] = [
    ("a.pending.wav", False, None, None),
    ("a.pending.wav", True, None, "a.wav"),
    ("a.pending.wav", False, NoSpeech("no speech"), "a.silent.wav"),
    ("a.pending.wav", True, NoSpeech("no speech"), "a.wav"),
    ("a.pending.wav", False, Unreadable("broken"), "a.silent.wav"),
    ("a.pending.wav", False, AudioToImageError("the engine died"), "a.pending.wav"),
    ("a.pending.wav", False, Cancelled("cancelled"), "a.pending.wav"),
    ("a.pending.wav", False, KeyboardInterrupt(), "a.pending.wav"),
    ("a.silent.wav", False, None, None),
    ("a.wav", False, None, "a.wav"),
    ("a.wav", False, NoSpeech("no speech"), "a.wav"),
]


@quick
@pytest.mark.parametrize(("name", "keep", "error", "after"), ENDS)
def test_what_becomes_of_a_recording(
    name: str, keep: bool, error: BaseException | None, after: str | None, folder: Path
) -> None:
    path = write(folder / name)
    expected = pytest.raises(type(error)) if error else nullcontext()
    with expected, recordings.used(path, folder, keep=keep):
        if error:
            raise error
    assert names(folder) == ([after] if after else [])


@quick
def test_a_file_elsewhere_is_never_touched(folder: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.pending.wav")
    with recordings.used(path, folder, keep=False):
        pass
    assert path.exists()


@quick
def test_a_recording_is_found_by_its_id_its_name_or_a_part_and_one_in_progress_is_not(folder: Path) -> None:
    for name in ("2026-11-21-aa.pending.wav", "2026-11-21-ab.wav", "2026-11-21-ac.part.wav", ".stdin-x.part"):
        write(folder / name)
    assert [each.id for each in recordings.present(folder)] == ["2026-11-21-aa", "2026-11-21-ab"]
    for wanted in ("aa", "2026-11-21-aa", "2026-11-21-aa.pending.wav", str(folder / "2026-11-21-aa.pending.wav")):
        assert recordings.find(folder, wanted).why == "not painted yet"
    with pytest.raises(Misuse, match="could be any of"):
        recordings.find(folder, "2026")
    for wanted in ("zz", "", " "):
        with pytest.raises(NotThere):
            recordings.find(folder, wanted)


@quick
def test_only_recordings_without_speech_go_and_only_a_day_later(folder: Path) -> None:
    past = time.time() - DAY - 60
    for name in ("old.silent.wav", "stdin-old.silent", "old.pending.wav", "old.wav", "silent.wav"):
        os.utime(write(folder / name), (past, past))
    write(folder / "new.silent.wav")
    recordings.sweep(folder)
    assert names(folder) == ["new.silent.wav", "old.pending.wav", "old.wav", "silent.wav"]


def test_any_command_sweeps_unless_the_settings_are_wrong(folder: Path, isolated: Path) -> None:
    past = time.time() - DAY - 60
    os.utime(write(folder / "old.silent.wav"), (past, past))
    assert run("models", "list", AUDIO_TO_IMAGE_STEPS="none").returncode == 2
    assert names(folder) == ["old.silent.wav"]
    assert run("models", "list").returncode == 0
    assert names(folder) == []


def test_a_recording_that_was_only_heard_is_deleted(recording: Path, silence: Path, folder: Path) -> None:
    assert run("hear", "-", stdin=recording.read_bytes()).returncode == 0
    assert names(folder) == []
    assert run("hear", "-", "--keep-audio", stdin=recording.read_bytes()).returncode == 0
    (kept,) = recordings.present(folder)
    assert recordings.state(kept.path) == ""
    kept.path.unlink()
    done = run("hear", "-", stdin=silence.read_bytes())
    assert done.returncode == 3
    assert "recording" not in done.stderr.replace("error: no speech heard", "")
    (kept,) = recordings.present(folder)
    assert recordings.state(kept.path) == SILENT


def test_recordings_are_listed_shown_heard_painted_and_removed(recording: Path, folder: Path) -> None:
    path = folder / "2026-11-21-aa.pending.wav"
    path.write_bytes(recording.read_bytes())
    write(folder / "2026-11-21-ab.silent.wav", 1.5)
    write(folder / "2026-11-21-ac.wav")
    lines = run("recordings", "list").stdout.splitlines()
    assert ["not painted yet" in line for line in lines].count(True) == 1
    assert sum("1.5 s  nothing was heard in it; deleted after a day" in line for line in lines) == 1
    shown = [json.loads(line) for line in run("recordings", "list", "--json").stdout.splitlines()]
    assert {each["id"] for each in shown} == {"2026-11-21-aa", "2026-11-21-ab", "2026-11-21-ac"}
    assert run("recordings", "show", "ab").stdout.splitlines()[0] == str(folder / "2026-11-21-ab.silent.wav")
    heard = run("recordings", "hear", "aa")
    assert (heard.returncode, bool(heard.stdout.strip()), path.exists()) == (0, True, True), heard.stderr
    assert run("recordings", "hear", "ab").returncode == 3
    painted = run("recordings", "paint", "aa", AUDIO_TO_IMAGE_STEPS="1")
    assert (painted.returncode, Path(painted.stdout.strip()).suffix) == (0, ".png"), painted.stderr
    assert not path.exists()
    assert run("recordings", "remove", "ab").returncode == 0
    assert run("recordings", "show", "ab").returncode == 2
    refused = run("recordings", "empty")
    assert (refused.returncode, "empty --yes" in refused.stderr) == (2, True)
    assert run("recordings", "empty", "--yes").returncode == 0
    assert names(folder) == []
