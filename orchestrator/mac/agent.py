"""A launchd agent that keeps `serve` running from login on: a command comes in, a property list goes in its place.

`serve` lets its engines' memory go by itself when it is idle. What no Mac has confirmed: docs/SHORTCUT.md.
"""

from __future__ import annotations

import os
import plistlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator import shell
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Note
from orchestrator.files import make_folder, write_whole

LABEL = "audio-to-image.serve"
ELSEWHERE = "audio-to-image serve, in a terminal"
GONE = (3, 113)  # launchctl's statuses for what it does not know


def property_list(command: Path, home: Path) -> dict[str, Any]:
    """Describe the agent: begun at login, begun again where it crashes but not where somebody ended it."""
    log = str(home / "Library/Logs/audio-to-image.log")
    return {
        "Label": LABEL,
        "ProgramArguments": [str(command), "serve"],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Interactive",
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }


def install(command: Path, home: Path) -> Iterator[Note]:
    """Put the agent in its place and start it; one that is there is replaced."""
    tool, path = _needed(), place(home)
    make_folder(path.parent)
    shell.run([tool, "bootout", f"{_domain()}/{LABEL}"])  # one that runs already; nothing else to say if none does
    write_whole(path, plistlib.dumps(property_list(command, home)))
    _launchctl(tool, "bootstrap", _domain(), str(path))
    yield Note(text="serve runs now, and from every login on", hint="its page: http://127.0.0.1:8765/")


def uninstall(home: Path) -> Iterator[Note]:
    """Stop the agent and take it away."""
    tool, path = _needed(), place(home)
    answer = shell.run([tool, "bootout", f"{_domain()}/{LABEL}"])
    if answer.returncode not in (0, *GONE):
        raise _failed("bootout", answer.stderr)
    path.unlink(missing_ok=True)
    yield Note(text="serve no longer begins at login")


def place(home: Path) -> Path:
    """Tell where the agent's property list belongs."""
    return home / "Library/LaunchAgents" / f"{LABEL}.plist"


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _needed() -> str:
    tool = shell.find("launchctl")
    if not tool:
        raise Misuse("launchd is a part of macOS", ELSEWHERE)
    return tool


def _launchctl(tool: str, *arguments: str) -> None:
    answer = shell.run([tool, *arguments])
    if answer.returncode:
        raise _failed(arguments[0], answer.stderr)


def _failed(what: str, said: bytes) -> AudioToImageError:
    words = said.decode(errors="replace").strip() or "it gave no reason"
    return AudioToImageError(f"launchctl {what} failed: {words}", ELSEWHERE)
