"""Any file to samples: formats, bad input, streams, pieces."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import noise, silence, small_disk, tones

from orchestrator import files, shell, sound
from orchestrator.errors import AudioToImageError, Misuse, NoSpeech
from orchestrator.sound import SAMPLE_RATE, Samples

pytestmark = pytest.mark.quick

NOBODY = 65534


def ffmpeg(*arguments: str) -> None:
    subprocess.run([shell.ffmpeg(), "-loglevel", "error", "-y", *arguments], check=True)


def everything(path: Path) -> Samples:
    return np.concatenate(list(sound.read(path)))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "a - 'recording' $(x).wav"
    sound.write_wav(path, [tones(0.5, 440), silence(0.25), noise(0.25)])
    return path


def test_a_written_recording_is_read_back_sample_by_sample(recording: Path):
    written = np.concatenate([tones(0.5, 440), silence(0.25), noise(0.25)])
    assert np.array_equal(everything(recording), written)


FORMATS = {
    "8-bit": ("wav", "-c:a", "pcm_u8"),
    "24-bit": ("wav", "-c:a", "pcm_s24le"),
    "float": ("wav", "-c:a", "pcm_f32le"),
    "96 kHz": ("wav", "-ar", "96000"),
    "5.1": ("wav", "-af", "pan=5.1|FC=c0"),
    "flac": ("flac",),
    "ogg": ("ogg", "-c:a", "libvorbis"),
    "m4a": ("m4a",),
}


@pytest.mark.parametrize("name", FORMATS)
def test_other_formats_come_out_as_the_same_sound(name: str, tmp_path: Path):
    original = tones(0.5, 300, 1000)
    source, (suffix, *options) = tmp_path / "source.wav", FORMATS[name]
    sound.write_wav(source, [original])
    ffmpeg("-i", str(source), *options, str(tmp_path / f"other.{suffix}"))
    read = everything(tmp_path / f"other.{suffix}")
    assert abs(len(read) - len(original)) < 0.07 * SAMPLE_RATE  # lossy codecs add a frame at each end
    spectrum = np.abs(np.fft.rfft(read[2000:6000]))
    assert set(np.argsort(spectrum)[-2:]) == {75, 250}  # 300 and 1000 Hz in steps of 4 Hz


def test_a_video_gives_its_sound_and_one_without_sound_gives_one_line(tmp_path: Path):
    picture, tone = ("-f", "lavfi", "-i", "testsrc=d=1:s=64x64"), ("-f", "lavfi", "-i", "sine=d=1")
    ffmpeg(*picture, *tone, str(tmp_path / "with.mp4"))
    ffmpeg(*picture, str(tmp_path / "without.mp4"))
    assert abs(len(everything(tmp_path / "with.mp4")) - SAMPLE_RATE) < 2000
    with pytest.raises(AudioToImageError, match="no sound in it"):
        everything(tmp_path / "without.mp4")


def test_an_empty_file_a_bare_header_and_text_get_one_line_each(tmp_path: Path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "header.wav").write_bytes(sound.wav_header(0))
    (tmp_path / "text.wav").write_text("To be, or not to be\n" * 40)
    with pytest.raises(AudioToImageError, match="empty file") as empty:
        everything(tmp_path / "empty.wav")
    with pytest.raises(NoSpeech, match="0 seconds long") as header:
        everything(tmp_path / "header.wav")
    with pytest.raises(AudioToImageError, match="not a sound file") as text:
        everything(tmp_path / "text.wav")
    assert [each.value.exit_code for each in (empty, header, text)] == [1, 3, 1]
    assert all(each.value.hint and "\n" not in str(each.value) for each in (empty, header, text))


@pytest.mark.parametrize("name", ["missing.wav", ".", "no\0pe.wav", "http:/example.test/a.wav"])
def test_a_path_that_is_not_a_file_is_misuse(name: str, tmp_path: Path):
    with pytest.raises(Misuse) as error:
        everything(tmp_path / name)
    assert error.value.hint


@pytest.fixture
def nobody() -> Iterator[None]:
    """Drop root's rights for a test, because root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


@pytest.fixture
def forbidden(recording: Path) -> Path:
    recording.chmod(0o000)
    for folder in (recording.parent, recording.parent.parent):
        folder.chmod(0o755)
    return recording


def test_a_file_without_read_permission_is_misuse(forbidden: Path, nobody: None):
    with pytest.raises(Misuse):
        sound.read(forbidden)


def test_a_playlist_in_disguise_makes_no_connection(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{address}\n#EXT-X-ENDLIST\n"
        for name in ("list.m3u8", "list.wav"):
            (tmp_path / name).write_text(playlist)
            with pytest.raises(AudioToImageError):
                everything(tmp_path / name)
        with pytest.raises(TimeoutError):
            server.accept()


def test_ffmpeg_may_open_files_only(recording: Path, monkeypatch: pytest.MonkeyPatch):
    started: list[list[str]] = []
    start = shell.start
    monkeypatch.setattr(shell, "start", lambda arguments: started.append(arguments) or start(arguments))  # type: ignore[func-returns-value]
    everything(recording)
    (arguments,) = started
    assert arguments[arguments.index("-protocol_whitelist") + 1] == "file"
    assert arguments.index("-protocol_whitelist") < arguments.index("-i")


def test_a_file_that_grows_while_it_is_read_gives_what_was_there(tmp_path: Path):
    path = tmp_path / "growing.wav"
    path.write_bytes(sound.wav_header(2**31) + noise(2.0).tobytes())

    def grow() -> None:
        with path.open("ab") as file:
            for _ in range(20):
                file.write(noise(0.1).tobytes())
                file.flush()
                time.sleep(0.01)

    growing = threading.Thread(target=grow)
    growing.start()
    samples = everything(path)
    growing.join()
    assert 2.0 <= len(samples) / SAMPLE_RATE <= 4.0


def test_a_damaged_file_gives_what_can_be_decoded(tmp_path: Path):
    ffmpeg("-f", "lavfi", "-i", "sine=d=4", str(tmp_path / "whole.mp3"))
    data = (tmp_path / "whole.mp3").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(data[: len(data) // 2])
    assert 1.5 < len(everything(tmp_path / "cut.mp3")) / SAMPLE_RATE < 2.5


def test_an_hour_long_file_is_read_whole_in_little_memory(tmp_path: Path):
    path, count = tmp_path / "hour.wav", 3600 * SAMPLE_RATE
    with path.open("wb") as file:
        file.write(sound.wav_header(2 * count))
        file.truncate(sound.HEADER_BYTES + 2 * count)  # a sparse file: an hour of zeros
    tracemalloc.start()
    total = sum(len(piece) for piece in sound.pieces(sound.read(path), 30.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == count
    assert peak < 16e6


def test_stopping_to_read_ends_ffmpeg(tmp_path: Path):
    path = tmp_path / "long.wav"
    sound.write_wav(path, [noise(60.0)])
    blocks = sound.read(path)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]  # it is a generator
    tasks = (task / "children" for task in Path("/proc/self/task").iterdir())
    names = [Path(f"/proc/{child}/comm").read_text() for task in tasks for child in task.read_text().split()]
    assert not any("ffmpeg" in name for name in names)


def test_a_wav_is_written_whole_or_not_at_all(tmp_path: Path):
    def torn() -> Iterator[Samples]:
        yield noise(0.1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sound.write_wav(tmp_path / "torn.wav", torn())
    assert list(tmp_path.glob("*.wav*")) == []
    assert sound.write_wav(tmp_path / "whole.wav", [noise(0.1)]) == pytest.approx(0.1)


def test_standard_input_and_pipes_become_files(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = recording.read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    stored = sound.as_file("-", tmp_path / "kept")
    assert stored.parent == tmp_path / "kept"
    assert files.sha256(stored) == hashlib.sha256(data).hexdigest()
    assert len(everything(stored)) == SAMPLE_RATE
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_bytes, args=(data,))
    writing.start()
    assert sound.as_file(pipe, tmp_path / "kept").read_bytes() == data
    writing.join()
    assert sound.as_file(str(recording), tmp_path / "kept") == recording


def test_nothing_on_standard_input_is_misuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for nothing in (io.TextIOWrapper(io.BytesIO()), None):
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(Misuse):
            sound.as_file("-", tmp_path)
    assert list(tmp_path.glob("stdin-*")) == []


def test_standard_input_on_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = small_disk(tmp_path)
    try:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bytes(1_000_000))))
        with pytest.raises(AudioToImageError, match="No space left"):
            sound.as_file("-", folder)
        assert list(folder.iterdir()) == []
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@given(st.lists(st.integers(0, 40_000), max_size=6), st.floats(0.7, 3.0))
@settings(max_examples=40, deadline=None)
def test_pieces_joined_are_the_same_samples_and_none_is_too_long(lengths: list[int], longest: float):
    generator = np.random.default_rng(len(lengths))
    blocks = [generator.integers(-3000, 3000, length).astype(np.int16) for length in lengths]
    pieces = list(sound.pieces(blocks, longest))
    assert all(0 < len(piece) <= longest * SAMPLE_RATE for piece in pieces)
    assert np.array_equal(np.concatenate([*pieces, silence(0)]), np.concatenate([*blocks, silence(0)]))


def test_sound_is_cut_in_its_pauses():
    blocks = [noise(4.0), silence(0.5), noise(3.0), silence(0.5), noise(4.0)]
    first, second = sound.pieces(blocks, 10.0)
    assert 7.5 < len(first) / SAMPLE_RATE < 8.0  # the later of the two pauses
    assert not first[-1600:].any()
    assert not second[:1600].any()


def test_levels_are_decibels_below_full_scale():
    assert sound.level(silence(0.1)) == sound.level(silence(0)) == -100.0
    assert sound.level(np.full(160, -32768, dtype=np.int16)) == pytest.approx(0.0)
    assert sound.level(tones(1.0, 1000, amplitude=0.1)) == pytest.approx(-23.0, abs=0.1)


@given(st.lists(st.binary(max_size=7), max_size=20))
def test_samples_split_between_chunks_are_joined(chunks: list[bytes]):
    data = b"".join(chunks)
    expected = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2")
    assert np.array_equal(np.concatenate([*sound.whole_samples(chunks), silence(0)]), expected)
