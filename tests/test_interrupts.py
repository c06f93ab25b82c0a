"""Ctrl-C and SIGTERM at each stage: exit code 130, no child processes and no partial files remain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))


def processes_with(mark: str) -> list[int]:
    """Return the processes with a mark in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def remaining_processes(mark: str, seconds: float = 60.0) -> list[int]:
    end = time.monotonic() + seconds
    while processes_with(mark) and time.monotonic() < end:
        time.sleep(0.05)
    return processes_with(mark)


def run_and_interrupt(
    arguments: list[str], stop_at: Callable[[dict[str, object]], bool], number: signal.Signals
) -> tuple[int, str, list[int]]:
    """Signal a verb at an event; return its exit code, stderr and remaining processes."""
    mark = f"A2I_TEST_MARK={uuid.uuid4().hex}"
    name, value = mark.split("=")
    process = subprocess.Popen(
        [COMMAND, *arguments, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {name: value},
    )  # fmt: skip
    assert process.stdout
    for line in process.stdout:
        if stop_at(json.loads(line)):
            break
    process.send_signal(number)
    _, stderr = process.communicate(timeout=100)
    return process.returncode, stderr, remaining_processes(mark)


STAGES = {
    "hearing": lambda event: event["event"] == "note",
    "heard": lambda event: event["event"] == "heard",
    "the first step": lambda event: event["event"] == "painted",
    "a later step": lambda event: event["event"] == "painted" and event["index"] == 5,
}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for children in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stage", STAGES)
def test_an_interrupt_leaves_nothing_behind(
    stage: str, number: signal.Signals, recording: Path, isolated: Path
) -> None:
    arguments = ["picture", str(recording), "--steps", "200"]
    code, stderr, children = run_and_interrupt(arguments, STAGES[stage], number)
    assert code == 130
    assert stderr.strip() == "error: cancelled"
    assert children == []
    assert not [path for path in (isolated / "data").rglob("*") if path.suffix in (".png", ".part")]


def test_finished_pictures_are_kept_and_an_unfinished_one_is_not(recording: Path, isolated: Path) -> None:
    arguments = ["picture", str(recording), "--steps", "3", "--count", "50"]
    code, _, children = run_and_interrupt(arguments, lambda event: event["event"] == "kept", signal.SIGINT)
    assert (code, children) == (130, [])
    kept = list((isolated / "data" / "gallery").rglob("*.png"))
    assert 1 <= len(kept) < 50
    assert all(path.read_bytes().endswith(b"IEND\xaeB`\x82") for path in kept)
