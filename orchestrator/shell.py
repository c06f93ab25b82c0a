"""Find and start programs, also with the short PATH of Shortcuts and launchd. Engines are started by `worker`."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.errors import AudioToImageError

HOMES = (
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/opt/local/bin",
    str(Path.home() / ".local/bin"),
    str(Path(sys.executable).parent),  # programs installed as Python packages
)
STOPPING_SECONDS = 2.0
CHUNK_BYTES = 65536  # what a pipe holds on Linux


def find(program: str) -> str | None:
    """Find a program on PATH or in the folders of package managers."""
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(HOMES))


def ffmpeg() -> str:
    """Return the system's ffmpeg, else the bundled one."""
    found = find("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise AudioToImageError("ffmpeg is not on this machine", install_hint("ffmpeg")) from error


def install_hint(package: str) -> str:
    """Return the command that installs a system package."""
    return f"brew install {package}" if sys.platform == "darwin" else f"sudo apt-get install {package}"


def start(args: Sequence[str], *, stdin: int = subprocess.DEVNULL, keep: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start a program in its own session, so that a terminal's Ctrl-C does not reach it; stdout and stderr are pipes.

    It inherits the files in `keep`.
    """
    try:
        return subprocess.Popen(
            args,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=keep,
        )
    except OSError as error:
        raise _not_startable(args[0], error) from error


def run(args: Sequence[str], *, stdin: bytes = b"", seconds: float = 30.0) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end and return its output."""
    try:
        return subprocess.run(
            args, input=stdin, capture_output=True, timeout=seconds, start_new_session=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise AudioToImageError(
            f"{Path(args[0]).name} did not answer within {seconds:g} s", "audio-to-image doctor"
        ) from error
    except OSError as error:
        raise _not_startable(args[0], error) from error


class Output:
    """The output of a running program; stderr is collected meanwhile in `complaints`, so that neither pipe fills up."""

    def __init__(self, process: subprocess.Popen[bytes], *, tick: float | None = None) -> None:
        self.complaints = b""
        self._process, self._tick = process, tick

    def __iter__(self) -> Iterator[bytes]:
        """Yield standard output until the program ends; an empty chunk marks each `tick` seconds without any."""
        with selectors.DefaultSelector() as selector:
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe:
                    selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(self._tick)
                if not ready:
                    yield b""
                for key, _ in ready:
                    chunk = os.read(key.fd, CHUNK_BYTES)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._process.stderr:
                        self.complaints = (self.complaints + chunk)[-CHUNK_BYTES:]
                    else:
                        yield chunk


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a program with SIGINT, then SIGTERM, then SIGKILL."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()  # a program that is blocked writing does not react to signals
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def open_file(path: Path) -> None:
    """Open a file in the desktop's viewer, if there is one."""
    viewer = find("open" if sys.platform == "darwin" else "xdg-open")
    if viewer:
        quiet = subprocess.DEVNULL
        subprocess.Popen([viewer, str(path)], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)


def _not_startable(program: str, error: OSError) -> AudioToImageError:
    name = Path(program).name
    return AudioToImageError(f"cannot start {name}: {error.strerror or error}", install_hint(name))
