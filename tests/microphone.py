"""A microphone for tests: PulseAudio with a null sink, whose monitor records what is played into it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SINK = "mic"
SOURCE = f"{SINK}.monitor"


class Microphone:
    """A private sound server to play into, and to kill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        modules = ["--load=module-native-protocol-unix", f"--load=module-null-sink sink_name={SINK}"]
        self.server = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", *modules],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._players: list[subprocess.Popen[bytes]] = []
        self._wait()
        # With a low-latency player the sink delivers sound in small steps, as a microphone does.
        self._players.append(
            subprocess.Popen(["paplay", "--raw", "--latency-msec=20", f"--device={SINK}", "/dev/zero"])
        )

    def play(self, path: Path) -> subprocess.Popen[bytes]:
        """Start playing a WAV file into the microphone; the process ends with the sound."""
        self._players.append(subprocess.Popen(["paplay", f"--device={SINK}", str(path)]))
        return self._players[-1]

    def close(self) -> None:
        for process in (*self._players, self.server):
            process.kill()
            process.wait()

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode:
            assert time.monotonic() < end, "pulseaudio does not answer"
            time.sleep(0.05)


@pytest.fixture
def microphone(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Microphone]:
    """Run a sound server that this test's recordings go to."""
    missing = [name for name in ("pulseaudio", "paplay", "pactl") if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="mic") as name:  # a socket's path must be short
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        for variable in ("PULSE_SERVER", "PULSE_RUNTIME_PATH"):
            monkeypatch.delenv(variable, raising=False)
        microphone = Microphone(Path(name))
        try:
            yield microphone
        finally:
            microphone.close()
