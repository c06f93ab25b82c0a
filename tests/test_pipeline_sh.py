"""pipeline.sh with odd file names, odd transcripts and failing stages."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "pipeline.sh"


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=cwd,
        env=os.environ | {"AUDIO_TO_IMAGE_STEPS": "2"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", ["plain.wav", "two words.wav", 'it\'s "quoted".wav', "$(touch gone).wav", "-n.wav"])
def test_the_last_line_is_the_picture_for_any_file_name(tmp_path: Path, recording: Path, name: str) -> None:
    shutil.copy(recording, tmp_path / name)
    done = run(name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[-1]).read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "gone").exists()


def test_a_newline_in_a_name_is_part_of_it(tmp_path: Path, recording: Path) -> None:
    shutil.copy(recording, tmp_path / "two\nlines.wav")
    assert run("two\nlines.wav", cwd=tmp_path).returncode == 0


def test_silence_exits_with_3(tmp_path: Path, silence: Path) -> None:
    done = run(str(silence), cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout == ""


def test_the_first_failing_stage_sets_the_exit_code(tmp_path: Path, recording: Path) -> None:
    assert run("no-such.wav", cwd=tmp_path).returncode == 2
    assert run(str(recording), cwd=tmp_path, AUDIO_TO_IMAGE_SPEECH_MODEL="none").returncode == 4
    assert run(str(recording), cwd=tmp_path, AUDIO_TO_IMAGE_STEPS="0").returncode == 2


@pytest.mark.parametrize(
    "said", ["a house $(touch gone)", "`touch gone`", "-n", "--help", "a 'red' \"house\"", "a\\nb; exit 9"]
)
def test_transcripts_are_never_run_by_the_shell(tmp_path: Path, recording: Path, said: str) -> None:
    """Only `hear` is fake, so that it can return any transcript."""
    real = shutil.which("audio-to-image", path=str(SCRIPT.parent / ".venv/bin")) or shutil.which("audio-to-image")
    fake = tmp_path / "checkout"
    fake.mkdir()
    for each in ("pipeline.sh", "remove_parentheses.py"):
        shutil.copy(SCRIPT.parent / each, fake)
    (fake / ".venv/bin").mkdir(parents=True)
    (tmp_path / "said").write_text(said)
    python = Path(str(real)).with_name("python3")
    write_script(fake / ".venv/bin/python3", f'exec {python} "$@"')
    write_script(
        fake / ".venv/bin/audio-to-image", f'if [ "$1" = hear ]; then cat {tmp_path}/said; else exec {real} "$@"; fi'
    )
    done = subprocess.run(
        [str(fake / "pipeline.sh"), str(recording)],
        cwd=tmp_path, env=os.environ | {"AUDIO_TO_IMAGE_STEPS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "gone").exists()


def write_script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
