"""The doctor's findings on this machine, on one that lacks something, and on a Mac with fake system programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from microphone import SOURCE, Microphone, microphone

from orchestrator import catalogue, doctor, machine, settings
from orchestrator.doctor import Finding
from orchestrator.line.memory import enough_memory
from orchestrator.paint import Engine

__all__ = ["microphone"]

COMMAND = Path(sys.executable).parent / "audio-to-image"
DEMO = Path(__file__).parent.parent / "models" / "demo"
VM_STAT = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               10000.
Pages active:                            400000.
Pages inactive:                           20000.
Pages speculative:                         3000.
Pages wired down:                        150000.
Pages purgeable:                            400.
"Translation faults":                  90000000.
"""


def run_check(name: str, **preferences: object) -> Finding:
    """Run one check and return its finding."""
    finding = doctor.check(name, settings.load(preferences))
    assert finding
    return finding


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pretend to be a Mac; return a folder on PATH for fake system programs."""
    folder = tmp_path / "bin"
    write_program(folder / "sysctl", 'case $2 in hw.memsize) echo 17179869184 ;; *) echo "Apple M2 Max" ;; esac')
    write_program(folder / "vm_stat", f"cat <<'END'\n{VM_STAT}END")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(sys, "platform", "darwin")
    return folder


@pytest.mark.skipif(not (DEMO / "PICTURES.md").exists(), reason="the demo models are not made yet")
def test_nothing_fails_where_talk_works(microphone: Microphone) -> None:
    done = subprocess.run([COMMAND, "doctor", "--json"], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert not [line for line in lines if line["state"] == "fail"]
    assert done.returncode == 0
    assert all(line.keys() == {"name", "state", "text", "hint"} for line in lines)


def test_a_missing_microphone_fails_with_a_hint_and_other_checks_still_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    done = subprocess.run([COMMAND, "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "\nfail microphone     " in done.stdout
    assert "\n                try: " in done.stdout
    assert "\nok   folder  " in done.stdout
    assert not done.stderr


def test_doctor_imports_no_engine_in_its_own_process() -> None:
    lines = (
        "import sys, orchestrator.settings as s, orchestrator.doctor as d",
        "list(d.examine(s.load()))",
        "print(*{'onnxruntime', 'coremltools', 'openvino', '_pywhispercpp', 'torch'} & sys.modules.keys())",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_the_chosen_microphone_must_exist(microphone: Microphone) -> None:
    assert run_check("microphone", device=SOURCE).state == "ok"
    missing = run_check("microphone", device="missing")
    assert (missing.state, missing.hint) == ("fail", "audio-to-image devices")


def test_a_model_that_is_missing_or_broken_fails(tmp_path: Path) -> None:
    missing = run_check("speech model", speech_model="base.en")
    assert (missing.state, missing.hint) == ("fail", "audio-to-image models get base.en")
    broken = tmp_path / "ggml-broken.bin"
    broken.write_bytes(b"not a model")
    assert run_check("speech model", speech_model=str(broken)).state == "fail"
    assert run_check("speech model").text == "the demo model"


def test_a_crashing_runtime_is_one_finding_and_other_checks_still_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    crashed = run_check("onnx runtime")
    assert crashed.state == "fail"
    assert crashed.text == "the onnx engine died (signal 6)"
    assert crashed.hint == doctor.REINSTALL
    assert run_check("whisper.cpp").state == "ok"


def test_an_unwritable_folder_and_a_full_disk_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    assert run_check("folder", data=tmp_path / "file" / "data").state == "fail"
    for free, state in ((6e9, "ok"), (1e9, "warn"), (5e7, "fail")):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: type("Usage", (), {"free": free}))
        assert run_check("folder").state == state


@pytest.mark.parametrize(("answer", "state"), [("0", "warn"), ("1", "fail"), ("2", "fail"), ("3", "ok"), ("?", "warn")])
def test_the_microphone_permission_is_read_from_macos(mac: Path, answer: str, state: str) -> None:
    write_program(mac / "osascript", f'[ "$1 $2 $3" = "-l JavaScript -e" ] && echo "{answer}"')
    permission = run_check("permission")
    assert permission.state == state
    assert bool(permission.hint) == (state != "ok")


def test_a_mac_reports_its_chip_and_counts_reclaimable_memory_as_free(mac: Path) -> None:
    details = machine.look()
    assert (details.chip, details.memory) == ("Apple M2 Max", 16 * 2**30)
    assert machine.free_memory() == 16384 * (10000 + 20000 + 3000 + 400)


def test_shortcuts_cannot_run_a_program_in_downloads(
    mac: Path, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(isolated / "Downloads" / "audio-to-image" / ".venv"))
    finding = run_check("shortcuts")
    assert (finding.state, finding.hint) == ("warn", "./shortcut_install.sh")


@pytest.mark.parametrize(("unit", "words"), [("ne", "the Neural Engine (split"), ("gpu", "the GPU (original")])
def test_the_compute_unit_is_shown_with_its_reason(unit: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(name="coreml", model="x", compute_unit=unit, threads=0, versions={})
    chosen = catalogue.Chosen(name="mine", kind="picture", path=Path("/models/mine"))
    monkeypatch.setattr(doctor, "_ask_probe", lambda *_: engine)
    monkeypatch.setattr(catalogue, "choose", lambda *_: chosen)
    assert words in run_check("picture model").text


@pytest.mark.parametrize(
    ("info", "backends"),
    [
        ("WHISPER : COREML = 0 | OPENVINO = 0 | CPU : SSE3 = 1 | AVX = 1 | ", ("CPU",)),
        (
            "WHISPER : COREML = 1 | OPENVINO = 0 | Metal : EMBED_LIBRARY = 1 | CPU : NEON = 1 | ACCELERATE = 1 | ",
            ("COREML", "Metal", "CPU"),
        ),
        ("", ()),
    ],
)
def test_whisper_backends_are_parsed(info: str, backends: tuple[str, ...]) -> None:
    assert doctor.whisper_backends(info) == backends


def test_a_model_larger_than_free_memory_is_a_warning_that_suggests_a_smaller_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = catalogue.Chosen(name="large-v3", kind="speech", path=Path("ggml-large-v3.bin"))
    monkeypatch.setattr(machine, "free_memory", lambda: int(5e9))
    assert enough_memory(large) is None
    monkeypatch.setattr(machine, "free_memory", lambda: int(3e9))
    note = enough_memory(large)
    assert note
    assert note.text == "large-v3 takes 3.9 GB of memory and 3.0 GB are free: it may be slow"
    assert note.hint.startswith("a smaller one: --speech-model medium")
    monkeypatch.setattr(machine, "free_memory", lambda: 1000)
    note = enough_memory(large)
    assert note
    assert note.hint == "close other programs"


def test_there_is_no_memory_warning_for_an_unknown_model_or_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    own = catalogue.Chosen(name="mine.bin", kind="speech", path=Path("mine.bin"))
    monkeypatch.setattr(machine, "free_memory", lambda: 1000)
    assert enough_memory(own) is None
    monkeypatch.setattr(machine, "free_memory", lambda: None)
    assert enough_memory(catalogue.Chosen(name="large-v3", kind="speech", path=Path("x"))) is None


def test_sizes_are_parsed_and_formatted() -> None:
    assert [machine.in_bytes(size) for size in ("388 MB", "2.1 GB", "")] == [388_000_000, 2_100_000_000, 0]
    assert [machine.as_size(count) for count in (25.3e9, 8e8, 2000)] == ["25.3 GB", "800.0 MB", "2.0 KB"]
