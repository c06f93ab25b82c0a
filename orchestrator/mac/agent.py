"""Install and remove a launchd agent that starts `serve` at login.

`serve` frees its engines' memory when it is idle. docs/SHORTCUT.md lists what is untested on a real Mac.
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
NOT_LOADED = (3, 113)  # launchctl's exit statuses for a service that is not loaded


def property_list(command: Path, home: Path) -> dict[str, Any]:
    """Return the agent's property list: started at login, and restarted after a crash but not after a normal exit."""
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
    """Install and start the agent, replacing an installed one."""
    tool, path = _require_launchctl(), place(home)
    make_folder(path.parent)
    shell.run([tool, "bootout", f"{_domain()}/{LABEL}"])  # fails if none is loaded
    write_whole(path, plistlib.dumps(property_list(command, home)))
    _launchctl(tool, "bootstrap", _domain(), str(path))
    yield Note(text="serve is running and will start at every login", hint="its page: http://127.0.0.1:8765/")


def uninstall(home: Path) -> Iterator[Note]:
    """Stop and remove the agent."""
    tool, path = _require_launchctl(), place(home)
    answer = shell.run([tool, "bootout", f"{_domain()}/{LABEL}"])
    if answer.returncode not in (0, *NOT_LOADED):
        raise _failure("bootout", answer.stderr)
    path.unlink(missing_ok=True)
    yield Note(text="serve no longer starts at login")


def place(home: Path) -> Path:
    """Return the path of the agent's property list."""
    return home / "Library/LaunchAgents" / f"{LABEL}.plist"


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _require_launchctl() -> str:
    tool = shell.find("launchctl")
    if not tool:
        raise Misuse("launchd exists only on macOS", ELSEWHERE)
    return tool


def _launchctl(tool: str, *arguments: str) -> None:
    answer = shell.run([tool, *arguments])
    if answer.returncode:
        raise _failure(arguments[0], answer.stderr)


def _failure(command: str, stderr: bytes) -> AudioToImageError:
    reason = stderr.decode(errors="replace").strip() or "it gave no reason"
    return AudioToImageError(f"launchctl {command} failed: {reason}", ELSEWHERE)
