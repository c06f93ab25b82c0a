"""Every test has a home, settings and data of its own."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# On a busy machine any example may take long.
hypothesis_settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("patient")


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    for name in [name for name in os.environ if name.startswith("AUDIO_TO_IMAGE_")]:
        monkeypatch.delenv(name)
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AUDIO_TO_IMAGE_DATA", str(home / "data"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return home


DEMO = Path(__file__).parent.parent / "models" / "demo"


@pytest.fixture
def recording() -> Path:
    """A recording that ships with the project."""
    return min((DEMO / "recordings").glob("*.wav"))


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    """Two seconds in which nobody speaks."""
    path = tmp_path / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(64_000))
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what the promises' tests have seen."""
    reports = [each for some in terminalreporter.stats.values() for each in some if isinstance(each, pytest.TestReport)]
    told = [(each.nodeid, text) for each in reports for name, text in each.user_properties if name == "seen"]
    if told:
        terminalreporter.section("what was seen")
    for test, text in dict(told).items():
        terminalreporter.write_line(f"{test.rpartition('/')[2]}: {text}")
