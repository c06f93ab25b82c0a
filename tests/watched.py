"""Run the command line and report on stderr whatever blocks an event loop: files, locks, SQLite, processes, sleep.

python tests/watched.py serve --port 0
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

MARK = "BLOCKED THE EVENT LOOP:"
BLOCKING = {
    "fcntl.flock", "fcntl.lockf", "glob.glob", "open", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.scandir",
    "os.truncate", "shutil.rmtree", "socket.connect", "sqlite3.connect", "subprocess.Popen", "time.sleep",
}  # fmt: skip
UNAUDITED = ("fsync", "stat")  # calls of os that raise no audit event
_reporting = threading.local()
_seen: set[str] = set()


def report(what: str) -> None:
    """Write a stack trace, once for each place, if this thread runs an event loop; imports happen only once."""
    if getattr(_reporting, "on", False) or asyncio._get_running_loop() is None:
        return
    _reporting.on = True
    try:
        stack = traceback.extract_stack()[:-2]
        place = "".join(traceback.format_list(stack[-6:]))
        if place not in _seen and not any(frame.filename.startswith("<frozen importlib") for frame in stack):
            _seen.add(place)  # each once: nobody reads the pipe before the server ends
            sys.stderr.write(f"{MARK}\n{what}\n{place}\n")
            sys.stderr.flush()
    finally:
        _reporting.on = False


def reporting(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def reported(*arguments: Any, **named: Any) -> Any:
        report(f"os.{name} {arguments}")
        return call(*arguments, **named)

    return reported


def watch() -> None:
    """Begin to report."""
    sys.addaudithook(lambda event, arguments: report(f"{event} {arguments}") if event in BLOCKING else None)
    for name in UNAUDITED:
        setattr(os, name, reporting(name, getattr(os, name)))


if __name__ == "__main__":
    from orchestrator.cli import main

    watch()
    main()
