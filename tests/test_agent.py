"""The launchd agent: its property list whole, and how `launchctl` is called, with a stand-in for it."""

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
    answer(tool, "exit 0")
    return tool


def answer(tool: Path, text: str) -> None:
    tool.write_text(f'#!/bin/sh\necho "$*" >>"{tool.parent}/calls"\n{text}\n')
    tool.chmod(0o755)


def test_it_is_put_in_its_place_and_started_also_twice(launchctl: Path, tmp_path: Path) -> None:
    place = tmp_path / "Library/LaunchAgents/audio-to-image.serve.plist"
    for _ in range(2):
        assert [note.text for note in agent.install(COMMAND, tmp_path)] == ["serve runs now, and from every login on"]
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


def test_it_is_taken_away_even_where_it_does_not_run(launchctl: Path, tmp_path: Path) -> None:
    list(agent.install(COMMAND, tmp_path))
    answer(launchctl, "exit 3")
    assert [note.text for note in agent.uninstall(tmp_path)] == ["serve no longer begins at login"]
    assert not agent.place(tmp_path).exists()


def test_what_launchctl_refuses_is_told_in_its_words(launchctl: Path, tmp_path: Path) -> None:
    answer(launchctl, "echo 'Bootstrap failed: 5: Input/output error' >&2; exit 5")
    with pytest.raises(AudioToImageError, match="launchctl bootstrap failed: Bootstrap failed: 5"):
        list(agent.install(COMMAND, tmp_path))


def test_elsewhere_it_says_what_to_do_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent.shell, "find", lambda _: None)
    with pytest.raises(Misuse, match="launchd is a part of macOS") as caught:
        list(agent.install(COMMAND, tmp_path))
    assert caught.value.hint.startswith("audio-to-image serve")
