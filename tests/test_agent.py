"""The launchd agent's property list, and the calls to a fake `launchctl`."""

from __future__ import annotations

import os
import plistlib
from pathlib import Path

import pytest

from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.mac import agent

COMMAND = Path("/x/audio-to-image")
DOMAIN = f"gui/{os.getuid()}"


@pytest.fixture
def launchctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tool = tmp_path / "bin" / "launchctl"
    tool.parent.mkdir()
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    write_launchctl(tool, "exit 0")
    return tool


def write_launchctl(tool: Path, script: str) -> None:
    """Write a fake launchctl that logs its arguments to `calls`, then runs a script."""
    tool.write_text(f'#!/bin/sh\necho "$*" >>"{tool.parent}/calls"\n{script}\n')
    tool.chmod(0o755)


def test_install_writes_and_starts_the_agent_even_twice(launchctl: Path, tmp_path: Path) -> None:
    place = tmp_path / "Library/LaunchAgents/audio-to-image.serve.plist"
    for _ in range(2):
        (note,) = agent.install(COMMAND, tmp_path)
        assert note.text == "serve is running and will start at every login"
    start = [f"bootout {DOMAIN}/audio-to-image.serve", f"bootstrap {DOMAIN} {place}"]
    assert (launchctl.parent / "calls").read_text().splitlines() == start * 2
    assert plistlib.loads(place.read_bytes()) == {
        "Label": "audio-to-image.serve",
        "ProgramArguments": ["/x/audio-to-image", "serve"],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Interactive",
        "StandardOutPath": f"{tmp_path}/Library/Logs/audio-to-image.log",
        "StandardErrorPath": f"{tmp_path}/Library/Logs/audio-to-image.log",
    }


def test_uninstall_removes_an_agent_that_is_not_loaded(launchctl: Path, tmp_path: Path) -> None:
    list(agent.install(COMMAND, tmp_path))
    write_launchctl(launchctl, "exit 3")
    assert [note.text for note in agent.uninstall(tmp_path)] == ["serve no longer starts at login"]
    assert not agent.place(tmp_path).exists()


def test_a_launchctl_failure_is_reported_with_its_message(launchctl: Path, tmp_path: Path) -> None:
    write_launchctl(launchctl, "echo 'Bootstrap failed: 5: Input/output error' >&2; exit 5")
    with pytest.raises(AudioToImageError, match="launchctl bootstrap failed: Bootstrap failed: 5"):
        list(agent.install(COMMAND, tmp_path))


def test_without_launchctl_the_hint_is_to_run_serve_in_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent.shell, "find", lambda _: None)
    with pytest.raises(Misuse, match="launchd exists only on macOS") as caught:
        list(agent.install(COMMAND, tmp_path))
    assert caught.value.hint.startswith("audio-to-image serve")
