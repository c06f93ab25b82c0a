"""Without a network everything but fetching works, and with one nothing connects outside this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from microphone import Microphone, microphone
from repetitions import LONG

from orchestrator.settings import demo_models

__all__ = ["microphone"]

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
RECORDING = str(demo_models() / "recordings" / "02.wav")
ALONE = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]  # loopback only
TALK = ["talk", "--once", "--now", "--no-open", "--steps", "2"]
VERBS = {
    "hear": ["hear", RECORDING],
    "paint": ["paint", "a red house", "--steps", "2"],
    "picture": ["picture", RECORDING, "--steps", "2"],
    "record": ["record", "--seconds", "0.5"],
    "devices": ["devices"],
    "doctor": ["doctor"],
    "list": ["gallery", "list"],
    "search": ["gallery", "search", "red"],
    "show": ["gallery", "show", "ID"],
    "repaint": ["gallery", "repaint", "ID"],
    "export": ["gallery", "export", "ID", "out"],
    "remove": ["gallery", "remove", "ID"],
    "rebuild": ["gallery", "rebuild"],
    "models": ["models", "list"],
    "verify": ["models", "verify"],
    "where": ["models", "where", "demo-speech", "demo-picture"],
    "shortcut": ["shortcut", "export"],
    "completion": ["completion", "bash"],
}
FEW = ("paint", "record", "doctor", "repaint")
OUTSIDE = re.compile(r"sa_family=AF_INET6?\b(?!.*(\"127\.|\"::1\"|\"::ffff:127\.))")

needs_namespace = pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode != 0,
    reason="a network namespace needs root on Linux",
)
needs_strace = pytest.mark.skipif(
    not shutil.which("strace") or subprocess.run(["strace", "true"], capture_output=True, check=False).returncode != 0,
    reason="strace is not installed, or not allowed",
)


@needs_namespace
def test_without_a_network_everything_works(microphone: Microphone, tmp_path: Path, record_property: Callable) -> None:
    kept, failed = "", {}
    for verb, words in VERBS.items() if LONG else [(verb, VERBS[verb]) for verb in FEW]:
        arguments = [kept if each == "ID" else each for each in words]
        done = subprocess.run([*ALONE, COMMAND, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
        if done.returncode or (not done.stdout and verb != "verify"):
            failed[verb] = done.stderr
        if verb == "paint":
            kept = done.stdout.strip().removesuffix(".png").rpartition("-")[2]
    assert failed == {}
    record_property("seen", f"{len(VERBS if LONG else FEW)} verbs: all work")


@needs_namespace
def test_without_a_network_a_sentence_becomes_a_picture(microphone: Microphone, isolated: Path) -> None:
    assert Path(talk([*ALONE, COMMAND, *TALK], microphone, isolated)).exists()


@needs_namespace
def test_without_a_network_fetching_fails_with_a_clear_error() -> None:
    done = subprocess.run([*ALONE, COMMAND, "models", "get", "tiny"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(
        r"^error: the network failed .*\n  try: check the network and run this again$", done.stderr, re.MULTILINE
    )


def talk(command: list[str], microphone: Microphone, home: Path) -> str:
    """Run the command, speak when it records, and return what it printed."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60
    while not list(home.rglob("*.part.wav")):
        assert time.monotonic() < end
        time.sleep(0.02)
    microphone.play(Path(RECORDING))
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return printed.strip()


@needs_strace
def test_talk_connects_only_to_this_machine(
    microphone: Microphone, isolated: Path, tmp_path: Path, record_property: Callable
) -> None:
    trace = tmp_path / "trace"
    watch = [
        "strace",
        "--follow-forks",
        "--seccomp-bpf",
        "--trace=connect,sendto,sendmsg,sendmmsg,bind",
        "-o",
        str(trace),
    ]
    picture = talk([*watch, COMMAND, *TALK], microphone, isolated)
    calls = trace.read_text().splitlines()
    assert Path(picture).exists()
    assert any("connect(" in call and "/pulse/native" in call for call in calls), "the trace saw no sound server"
    assert [call for call in calls if OUTSIDE.search(call)] == []
    families = re.findall(r"connect\(\d+, \{sa_family=(\w+)", "\n".join(calls))
    record_property("seen", f"{len(families)} connect calls in a whole talk, all to {', '.join(sorted(set(families)))}")


@needs_strace
def test_the_trace_shows_connections_outside_this_machine(tmp_path: Path) -> None:
    program = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    trace = tmp_path / "trace"
    subprocess.run(["strace", "-f", "--trace=connect", "-o", trace, sys.executable, "-c", program], check=False)
    assert any(OUTSIDE.search(call) for call in trace.read_text().splitlines())
