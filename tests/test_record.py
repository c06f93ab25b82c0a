"""Unfinished recordings, and microphones with a fake ffmpeg; test_microphone records for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from sounds import noise, silence, small_disk

from orchestrator import files, shell
from orchestrator import record as record_module
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Level, Opened, Recorded
from orchestrator.record import microphone, new_path, record, recover
from orchestrator.record.partial import Partial
from orchestrator.sound import HEADER_BYTES, SAMPLE_RATE, wav_header

LISTING = """\
[AVFoundation indev @ 0x7f8] AVFoundation video devices:
[AVFoundation indev @ 0x7f8] [0] FaceTime HD Camera
[AVFoundation indev @ 0x7f8] [1] Capture screen 0
[AVFoundation indev @ 0x7f8] AVFoundation audio devices:
[AVFoundation indev @ 0x7f8] [0] BlackHole 2ch
[AVFoundation indev @ 0x7f8] [1] MacBook Pro Microphone
[AVFoundation indev @ 0x7f8] [2] MacBook Pro
[AVFoundation indev @ 0x7f8] [3] 4K Webcam
[AVFoundation indev @ 0x7f8] [4] Line: In
[in#0 @ 0x7f9] Error opening input: Input/output error
"""
SOURCES = """\
Auto-detected sources for pulse:
* alsa_input.pci-0000_00_1f.3.analog-stereo [Built-in Audio Analog Stereo] (none)
  mic.monitor [Monitor of Null (Output)] (none)
"""


@pytest.fixture
def fake_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Pretend to be a Mac whose ffmpeg is a given shell script."""

    def install(script: str) -> None:
        program = tmp_path / "bin" / "ffmpeg"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        monkeypatch.setattr(sys, "platform", "darwin")
        monkeypatch.setattr(record_module, "PATIENCE", 1.0)

    return install


def test_ffmpeg_arguments_for_a_macs_microphones(monkeypatch: pytest.MonkeyPatch):
    ffmpeg = shell.ffmpeg()  # before the platform changes, as the bundled ffmpeg's name depends on it
    monkeypatch.setattr(shell, "ffmpeg", lambda: ffmpeg)
    monkeypatch.setattr(sys, "platform", "darwin")
    expected = (
        "-nostdin -hide_banner -loglevel error -f avfoundation -i :default "
        "-map 0:a:0 -f s16le -ac 1 -acodec pcm_s16le -ar 16000 -flush_packets 1 pipe:1"
    )
    assert microphone.arguments(microphone.system(), "") == [ffmpeg, *expected.split()]
    assert microphone.arguments("avfoundation", "MacBook Pro Microphone")[8] == ":MacBook Pro Microphone"


@pytest.mark.parametrize("system", ["pulse", "alsa"])
def test_ffmpeg_arguments_for_linux_microphones(system: str):
    assert microphone.arguments(system, "")[5:9] == ["-f", system, "-i", "default"]
    assert microphone.arguments(system, "hw:1,0")[5:9] == ["-f", system, "-i", "hw:1,0"]


def test_a_macs_microphones_get_ids_that_are_unambiguous_for_ffmpeg():
    found = {device.name: device.id for device in microphone.parse_avfoundation(LISTING)}
    assert found == {
        "BlackHole 2ch": "BlackHole 2ch",
        "MacBook Pro Microphone": "MacBook Pro Microphone",
        "MacBook Pro": "2",  # a prefix of the one before
        "4K Webcam": "3",  # would be taken for device 4
        "Line: In": "4",  # would be split
    }


def test_linux_sources_are_parsed_with_the_default_one():
    first, second = microphone.parse_sources(SOURCES)
    assert (first.id, first.default) == ("alsa_input.pci-0000_00_1f.3.analog-stereo", True)
    assert (second.id, second.name, second.default) == ("mic.monitor", "Monitor of Null (Output)", False)


def record_error(path: Path) -> AudioToImageError:
    with pytest.raises(AudioToImageError) as caught:
        list(record(path, seconds=5.0))
    assert not list(path.parent.glob("*.wav"))
    return caught.value


def test_no_sound_on_a_mac_is_a_missing_permission(fake_ffmpeg, tmp_path: Path):
    fake_ffmpeg("exec sleep 3600")
    error = record_error(tmp_path / "r.wav")
    assert "permission" in str(error)
    assert "System Settings" in error.hint


def test_only_zeros_on_a_mac_are_a_missing_permission(fake_ffmpeg, tmp_path: Path):
    fake_ffmpeg("while :; do head -c 3200 /dev/zero; sleep 0.1; done")
    assert "permission" in str(record_error(tmp_path / "r.wav"))


@pytest.mark.parametrize(
    "script",
    ["kill -ABRT $$", "echo 'Failed to create AV capture input device: Cannot use Mic' >&2; exit 1"],
)
def test_an_abort_or_error_on_a_mac_is_a_missing_permission(script: str, fake_ffmpeg, tmp_path: Path):
    fake_ffmpeg(script)
    error = record_error(tmp_path / "r.wav")
    assert "macOS refused" in str(error)
    assert "System Settings" in error.hint


def test_a_mac_records_from_the_first_sound_on(fake_ffmpeg, tmp_path: Path):
    sound = tmp_path / "sound.raw"
    sound.write_bytes(noise(0.5).tobytes())
    fake_ffmpeg(f"head -c 3200 /dev/zero; sleep 0.1; exec cat '{sound}'")
    events = record(tmp_path / "r.wav", seconds=0.5)
    assert isinstance(next(events), Opened)
    assert sum(len(each.samples) for each in events if isinstance(each, Level)) == SAMPLE_RATE // 2


def test_a_microphone_that_stops_sending_is_lost(fake_ffmpeg, tmp_path: Path):
    sound = tmp_path / "sound.raw"
    sound.write_bytes(noise(0.5).tobytes())
    fake_ffmpeg(f"cat '{sound}'; exec sleep 60")
    with pytest.raises(AudioToImageError, match=r"lost after 0\.5 s"):
        list(record(tmp_path / "r.wav", seconds=5.0))
    assert (tmp_path / "r.wav").stat().st_size == HEADER_BYTES + SAMPLE_RATE


def test_missing_ffmpeg_is_one_line_and_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def missing() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(shell, "HOMES", ())
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", missing)
    monkeypatch.setattr(sys, "platform", "darwin")
    error = record_error(tmp_path / "r.wav")
    assert "ffmpeg" in str(error)
    assert "brew install ffmpeg" in error.hint


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_an_invalid_length_is_misuse(seconds: float, tmp_path: Path):
    with pytest.raises(Misuse):
        record(tmp_path / "r.wav", seconds=seconds)


def test_a_recording_in_progress_is_always_readable(tmp_path: Path):
    partial = Partial(tmp_path / "r.wav")
    for _ in range(30):
        partial.write(noise(0.1))
        with wave.open(str(partial.path)) as file:
            assert partial.samples - file.getnframes() < SAMPLE_RATE // 2
            assert len(file.readframes(1 << 20)) == 2 * file.getnframes()
    partial.finish()
    with wave.open(str(tmp_path / "r.wav")) as file:
        assert file.getnframes() == partial.samples == 3 * SAMPLE_RATE
    assert not partial.path.exists()


def test_an_empty_recording_leaves_no_file(tmp_path: Path):
    Partial(tmp_path / "r.wav").finish()
    assert list(tmp_path.glob("*.wav")) == []


def write_unfinished(path: Path, samples: np.ndarray) -> Path:
    """Write what a killed process leaves: samples after a header for none."""
    path.write_bytes(wav_header(0) + samples.tobytes())
    return path


def test_interrupted_recordings_are_recovered_under_free_names(tmp_path: Path):
    write_unfinished(tmp_path / "one.part.wav", noise(1.0))
    write_unfinished(tmp_path / "two.part.wav", silence(0))
    (tmp_path / "one.wav").write_bytes(b"another")
    assert recover(tmp_path) == (tmp_path / "one-2.wav",)
    with wave.open(str(tmp_path / "one-2.wav")) as file:
        assert file.getnframes() == SAMPLE_RATE
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == ["one-2.wav", "one.wav"]
    assert recover(tmp_path) == ()
    assert recover(tmp_path / "nowhere") == ()


def test_a_running_recording_is_not_recovered(tmp_path: Path):
    partial = Partial(tmp_path / "r.wav")
    partial.write(noise(1.0))
    program = "import sys, pathlib; from orchestrator.record import recover; print(recover(pathlib.Path(sys.argv[1])))"
    result = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert result.stdout == "()\n"
    partial.finish()
    assert (tmp_path / "r.wav").exists()


def test_two_recordings_do_not_share_a_name(tmp_path: Path):
    first = Partial(tmp_path / "r.wav")
    with pytest.raises(Misuse, match="is in the way"):
        Partial(tmp_path / "r.wav")
    first.finish()
    Partial(tmp_path / "r.wav").finish()


def test_a_folder_that_cannot_be_created_is_one_line_and_a_hint(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(AudioToImageError, match="cannot record to") as error:
        Partial(tmp_path / "file" / "r.wav")
    assert "--output" in error.value.hint


def test_a_full_disk_keeps_the_recording_so_far(tmp_path: Path):
    disk = small_disk(tmp_path)
    try:
        partial = Partial(disk / "r.wav")
        with pytest.raises(AudioToImageError, match="No space left") as error:
            partial.write(noise(10.0))
        partial.finish()
        with wave.open(str(disk / "r.wav")) as file:
            assert 2.5 * SAMPLE_RATE < file.getnframes() == partial.samples < 4 * SAMPLE_RATE
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
    assert str(disk / "r.wav") in str(error.value)


def test_a_deleted_folder_is_one_line(tmp_path: Path):
    partial = Partial(tmp_path / "gone" / "r.wav")
    partial.write(noise(1.0))
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(AudioToImageError, match="cannot rename the recording"):
        partial.finish()


def test_names_sort_by_time(tmp_path: Path):
    names = []
    for _ in range(3):
        names.append(new_path(tmp_path))
        time.sleep(0.01)
    assert names == sorted(names)
    assert len(set(names)) == 3


def test_the_recorded_event_comes_before_the_error(fake_ffmpeg, tmp_path: Path):
    sound = tmp_path / "sound.raw"
    sound.write_bytes(noise(0.25).tobytes())
    fake_ffmpeg(f"exec cat '{sound}'")
    events = record(tmp_path / "r.wav", seconds=5.0)
    last = next(event for event in events if isinstance(event, Recorded))
    assert last == Recorded(path=tmp_path / "r.wav", seconds=0.25, why="lost")
    with pytest.raises(AudioToImageError, match="lost"):
        next(events)


def test_leftover_temporary_files_are_deleted(tmp_path: Path):
    names = (".r.part.wavabcdef", ".stdin-abcdef.part", ".a moment ago.part", ".held.part")
    for name in names:
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".a moment ago.part").touch()
    with files.lock(tmp_path / ".held.part"):
        recover(tmp_path)
    assert sorted(path.name for path in tmp_path.glob(".*")) == [".a moment ago.part", ".held.part"]
