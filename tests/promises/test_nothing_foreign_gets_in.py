"""Arbitrary bytes in files cause at most one clear error."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repetitions import repetitions

from orchestrator import shell
from orchestrator.errors import AudioToImageError
from orchestrator.paint.tokens import ClipTokenizer
from orchestrator.settings import demo_models
from orchestrator.sound import SAMPLE_RATE, read

FUZZ = Path(__file__).with_name("fuzz.py")
TARGETS = re.findall(r'^    "([a-z ]+)": Target\(', FUZZ.read_text(), re.MULTILINE)
CONTAINERS = {
    "wav": [], "flac": [], "mp3": [], "ogg": ["-c:a", "libopus"], "m4a": [], "webm": ["-c:a", "libopus"], "aiff": [],
}  # fmt: skip
ANY = settings(
    deadline=None, database=None, suppress_health_check=list(HealthCheck), max_examples=repetitions(60, 10_000)
)
damage = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 60), st.binary(max_size=40)), max_size=4)


@pytest.mark.parametrize("target", TARGETS)
def test_arbitrary_bytes_cause_at_most_a_clear_error(target: str, record_property: Callable) -> None:
    pytest.importorskip("atheris", reason="atheris has no build for this Python")
    cases = repetitions(1_000, 1_000_000)
    done = subprocess.run(
        [sys.executable, FUZZ, target, "--cases", str(cases)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    record_property("seen", f"{cases:,} cases: nothing but clear errors")


def test_the_fuzzer_reports_other_exceptions(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no build for this Python")
    broken = tmp_path / "broken.py"
    broken.write_text(FUZZ.read_text().replace("    catalogue.parse(data)", "    int(data)"))
    command = [sys.executable, str(broken), "catalogue", "--cases", "2000"]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def damaged(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for start, length, put in changes:
        content = content[:start] + put + content[start + length :]
    return content


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder, tone = tmp_path_factory.mktemp("containers"), "sine=frequency=440:duration=0.3"
    for name, options in CONTAINERS.items():
        command = [shell.ffmpeg(), "-v", "error", "-f", "lavfi", "-i", tone, *options, str(folder / f"sound.{name}")]
        subprocess.run(command, check=True)
    return {name: (folder / f"sound.{name}").read_bytes() for name in CONTAINERS}


def test_a_damaged_recording_causes_at_most_a_clear_error(
    containers: dict[str, bytes], tmp_path: Path, record_property: Callable
) -> None:
    tried = 0

    @ANY
    @given(st.sampled_from(sorted(CONTAINERS)), damage, st.integers(0, 10_000))
    def check(name: str, changes: list[tuple[int, int, bytes]], length: int) -> None:
        nonlocal tried
        tried += 1
        path = tmp_path / f"sound.{name}"
        path.write_bytes(damaged(containers[name], changes)[:length])
        with suppress(AudioToImageError):
            samples = 0
            for block in read(path):
                samples += len(block)
                if samples > 600 * SAMPLE_RATE:  # the damaged header says more than ten minutes
                    break

    check()
    record_property("seen", f"{tried:,} damaged recordings in {len(CONTAINERS)} containers: nothing but clear errors")


def test_a_damaged_vocabulary_causes_at_most_a_clear_error(tmp_path: Path, record_property: Callable) -> None:
    whole = {name: (demo_models() / "pictures" / "onnx" / name).read_bytes() for name in ("vocab.json", "merges.txt")}
    tried = 0

    @ANY
    @given(damage, damage, st.text(max_size=60))
    def check(words: list[tuple[int, int, bytes]], merges: list[tuple[int, int, bytes]], prompt: str) -> None:
        nonlocal tried
        tried += 1
        (tmp_path / "vocab.json").write_bytes(damaged(whole["vocab.json"], words))
        (tmp_path / "merges.txt").write_bytes(damaged(whole["merges.txt"], merges))
        with suppress(AudioToImageError):
            ClipTokenizer(tmp_path, length=28, padding=0)(prompt)

    check()
    record_property("seen", f"{tried:,} damaged vocabularies, each given any words: nothing but clear errors")
