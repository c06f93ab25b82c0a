"""Killing any process at any moment loses neither recorded speech nor a finished picture."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
import wave
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from gallery_checks import check_index_matches_files
from microphone import Microphone, microphone
from repetitions import repetitions
from test_interrupts import processes_with, remaining_processes

from orchestrator import picture as png
from orchestrator.gallery import Gallery
from orchestrator.record import recover
from orchestrator.sound import read, write_wav

__all__ = ["microphone"]

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
HALF_A_SECOND = 0.5
VERBS = {
    "talk": ["talk", "--once", "--now", "--no-open", "--steps", "6"],
    "picture": ["picture", "FILE", "--steps", "6", "--count", "2"],
    "record": ["record", "--seconds", "2"],
}
TURNS = ("talk", "picture", "record", "talk", "picture")


class Run:
    """One run of the command; a recording is played as soon as it listens."""

    def __init__(self, verb: str, recording: Path, microphone: Microphone) -> None:
        self.mark = f"A2I_TEST_MARK={uuid.uuid4().hex}"
        name, value = self.mark.split("=")
        arguments = [str(recording) if each == "FILE" else each for each in VERBS[verb]]
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            [COMMAND, *arguments, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {name: value},
        )
        self.events: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, args=(recording, microphone))
        self._reader.start()

    def _read(self, recording: Path, microphone: Microphone) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                if line.endswith(b"\n"):  # the last one may be cut
                    self.events.append(json.loads(line))
                    if self.events[-1]["event"] == "opened":
                        microphone.play(recording)

    def processes(self) -> dict[str, int]:
        """Return the running processes by what they do."""
        found: dict[str, int] = {}
        for pid in sorted(processes_with(self.mark)):
            line = _command_line(pid)
            if pid == self.process.pid:
                found["the command"] = pid
            elif b"orchestrator.worker" in line:
                found["the painting engine" if "the hearing engine" in found else "the hearing engine"] = pid
            elif b"ffmpeg" in line:
                found["ffmpeg"] = pid
        return found

    def wait(self, when: str = "undisturbed") -> float:
        """Wait until the command and all its processes have ended; return the seconds that it ran."""
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            processes = self.processes()
            for pid in processes.values():
                _kill(pid)
            pytest.fail(f"it hangs {when}; last events: {self.events[-3:]}; processes: {processes}")
        seconds = time.monotonic() - self.begun
        self._reader.join(10)
        assert not remaining_processes(self.mark), "a process is still running"
        return seconds

    @property
    def recorded(self) -> float:
        """Return how many seconds the command reported as recorded."""
        return max((each["seconds"] for each in self.events if each["event"] == "level"), default=0.0)

    @property
    def kept(self) -> list[Path]:
        return [Path(each["path"]) for each in self.events if each["event"] == "kept"]


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def sentence(recording: Path, tmp_path: Path) -> Path:
    """Return a recording of a second and a half."""
    write_wav(tmp_path / "said.wav", [np.concatenate(list(read(recording)))[:24_000]])
    return tmp_path / "said.wav"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_killing_any_process_loses_no_recording_and_no_picture(
    microphone: Microphone, sentence: Path, isolated: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable
) -> None:
    random, killed, data = Random(8), Counter[str](), isolated / "data"
    (isolated / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(isolated / "tmp"))
    undisturbed = {verb: Run(verb, sentence, microphone).wait() for verb in VERBS}
    check(data)
    verbs = cycle(TURNS)
    while killed.total() < repetitions(4, 200):
        verb = next(verbs)
        run = Run(verb, sentence, microphone)
        time.sleep(random.uniform(0.0, undisturbed[verb]))
        processes = run.processes()
        if not processes:  # it has ended already
            run.wait()
            continue
        victim = min(processes, key=lambda name: (killed[name], random.random()))
        _kill(processes[victim])
        killed[victim] += 1
        run.wait(f"after {victim} was killed")
        check_run(run, data)
        check(data)
        assert not list((isolated / "tmp").iterdir())
    seen = ", ".join(f"{name} {count}" for name, count in killed.most_common())
    record_property("seen", f"killed: {seen}; no recording lost, index and files agree, no temporary file left")


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def check_run(run: Run, data: Path) -> None:
    """Assert that the files left by a run match the events it printed."""
    for path in run.kept:
        assert png.read_png(path), path
        assert png.read_pixels(path).any()
    opened = [Path(each["path"]) for each in run.events if each["event"] == "opened"]
    for part in opened:
        final = part.with_name(part.name.replace(".part.wav", ".wav"))
        there = [path for path in (part, final) if path.exists()]
        assert there or run.kept, f"{run.recorded} s of speech are gone: {run.events[-3:]}"
        for path in there:
            with wave.open(str(path)) as file:
                assert file.getnframes() / 16_000 >= run.recorded - HALF_A_SECOND
                assert len(file.readframes(1 << 24)) == 2 * file.getnframes()


def check(data: Path) -> None:
    """Assert that after the next start only whole recordings, pictures and their index are left."""
    recordings, gallery = data / "recordings", Gallery(data / "gallery")
    recover(recordings)
    check_index_matches_files(gallery)
    names = {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}
    whole = {path.relative_to(data).as_posix() for path in (*recordings.glob("*.wav"), *gallery.folder.glob("*.png"))}
    assert not names - whole - {f"gallery/{name}" for name in (".lock", "index.sqlite", "index.sqlite-journal")}
    assert not [name for name in names if ".part" in name]
    for path in recordings.glob("*.wav"):
        path.unlink()  # so that the next check sees only the next run's
