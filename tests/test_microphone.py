"""Recording with PulseAudio and ffmpeg from a virtual microphone that speech is played into."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from microphone import SOURCE, Microphone, microphone
from sounds import say

from orchestrator import sound
from orchestrator.errors import AudioToImageError, Cancelled, Misuse
from orchestrator.events import Level, Opened, Recorded
from orchestrator.hear.speech import listen, open_hearer
from orchestrator.hear.speech.voice import Voice, spans
from orchestrator.record import Stop, devices, record, recover
from orchestrator.record.microphone import system
from orchestrator.settings import demo_models

__all__ = ["microphone"]

RECORD_ONE_MINUTE = """
import sys
from pathlib import Path
from orchestrator.record import record
list(record(Path(sys.argv[1]), seconds=60))
"""


def children(pid: int | str = "self") -> set[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {int(each) for task in tasks for each in (task / "children").read_text().split()}


def wait_until_ended(pid: int) -> bool:
    """Return whether a process that is not our child ends within a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_the_microphone_is_listed_as_the_default_one(microphone: Microphone):
    (device,) = devices()
    assert (device.id, device.default) == (SOURCE, True)
    assert device.name


def test_a_fixed_length_is_exact_and_levels_count_down(microphone: Microphone, tmp_path: Path):
    before = children()
    opened, *others, recorded = record(tmp_path / "a folder" / "it's.wav", seconds=1.25)
    assert opened == Opened(path=tmp_path / "a folder" / "it's.part.wav", device="default")
    assert isinstance(recorded, Recorded)
    levels = [each for each in others if isinstance(each, Level)]
    assert levels == others
    assert sum(len(each.samples) for each in levels) == 20_000
    assert all(first.seconds_left > second.seconds_left for first, second in pairwise(levels))
    assert levels[-1].seconds_left == 0
    assert recorded == Recorded(path=tmp_path / "a folder" / "it's.wav", seconds=1.25, why="window")
    assert [len(block) for block in sound.pieces(sound.read(recorded.path), 30.0)] == [20_000]
    assert list(recorded.path.parent.iterdir()) == [recorded.path]
    assert children() == before


def test_recording_stops_when_the_speech_ends(microphone: Microphone, tmp_path: Path):
    said = say("a red lighthouse by the sea at sunset", tmp_path / "said.wav")
    voice, stop, events = Voice(), Stop(), []
    for event in record(tmp_path / "r.wav", seconds=30.0, stop=stop, device=SOURCE):
        events.append(event)
        if isinstance(event, Opened):
            microphone.play(said)
        if isinstance(event, Level):
            voice.listen(event.samples)
            if voice.finished(0.6):
                stop("silence")
    recorded = events[-1]
    assert isinstance(recorded, Recorded)
    assert recorded.why == "silence"
    assert 2.0 < recorded.seconds < 30.0
    found = spans(sound.read(recorded.path))
    assert 1.5 < found[-1].end - found[0].start < 5.0
    assert max(each.level for each in events if isinstance(each, Level)) > -30


def test_speech_from_the_microphone_is_transcribed(microphone: Microphone, tmp_path: Path):
    said = "a white lighthouse by the sea at night"
    voice, stop = Voice(), Stop()
    for event in record(tmp_path / "r.wav", seconds=30.0, stop=stop):
        if isinstance(event, Opened):
            microphone.play(demo_models() / "recordings" / "02.wav")
        if isinstance(event, Level):
            voice.listen(event.samples)
            if voice.finished(0.6):
                stop("silence")
    hearer = open_hearer(demo_models() / "ggml-demo.bin")
    *_, heard = listen(hearer, sound.pieces(sound.read(tmp_path / "r.wav"), hearer.longest), spans)
    hearer.unload()
    assert SequenceMatcher(None, said.split(), heard.text.split()).ratio() > 0.8


def test_stopping_by_a_key_or_closing_keeps_the_recording(microphone: Microphone, tmp_path: Path):
    stop = Stop()
    for event in record(tmp_path / "key.wav", seconds=60.0, stop=stop):
        if isinstance(event, Level):
            stop("key")
    assert isinstance(event, Recorded)
    assert event.why == "key"
    events = record(tmp_path / "closed.wav", seconds=60.0)
    next(events)
    next(events)
    events.close()
    assert sum(map(len, sound.read(tmp_path / "closed.wav"))) > 0
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == ["closed.wav", "key.wav"]


def test_stopping_before_the_first_sound_cancels(microphone: Microphone, tmp_path: Path):
    stop = Stop()
    stop("key")
    with pytest.raises(Cancelled):
        list(record(tmp_path / "r.wav", stop=stop))
    assert not list(tmp_path.glob("*.wav"))


def test_an_unknown_device_is_misuse_and_the_hint_lists_devices(microphone: Microphone, tmp_path: Path):
    with pytest.raises(Misuse, match="no microphone 'nosuch'") as error:
        list(record(tmp_path / "r.wav", device="nosuch"))
    assert SOURCE in error.value.hint
    assert not list(tmp_path.glob("*.wav"))


def record_until_failure(interfere, path: Path) -> tuple[Recorded, AudioToImageError]:
    """Record, call `interfere` after the third block, and return the last event and the error."""
    events: list = []
    try:
        for event in record(path, seconds=60.0):
            events.append(event)
            if len(events) == 4:
                interfere()
    except AudioToImageError as error:
        return events[-1], error
    raise AssertionError("nothing failed")


def test_a_lost_device_keeps_the_recording_so_far(microphone: Microphone, tmp_path: Path):
    recorded, error = record_until_failure(microphone.server.kill, tmp_path / "r.wav")
    assert recorded.why == "lost"
    assert "lost after" in str(error)
    assert str(recorded.path) in error.hint
    assert sum(map(len, sound.read(recorded.path))) == round(recorded.seconds * 16_000) > 0


def test_killing_ffmpeg_keeps_the_recording_so_far(microphone: Microphone, tmp_path: Path):
    before = children()
    recorded, error = record_until_failure(
        lambda: [os.kill(child, signal.SIGKILL) for child in children() - before], tmp_path / "r.wav"
    )
    assert recorded.why == "lost"
    assert "lost after" in str(error)
    assert sum(map(len, sound.read(recorded.path))) > 0


def test_a_killed_recorder_leaves_a_readable_file_that_is_fully_recovered(microphone: Microphone, tmp_path: Path):
    recorder = subprocess.Popen([sys.executable, "-c", RECORD_ONE_MINUTE, tmp_path / "r.wav"], stdout=subprocess.PIPE)
    part = tmp_path / "r.part.wav"
    try:
        deadline = time.monotonic() + 100
        while not (part.exists() and part.stat().st_size > 60_000) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert recover(tmp_path) == ()  # a live process holds it
        (ffmpeg,) = children(recorder.pid)
    finally:
        recorder.kill()
        recorder.communicate()
    assert wait_until_ended(ffmpeg)
    on_disk = (part.stat().st_size - sound.HEADER_BYTES) // 2
    opened = sum(map(len, sound.read(part)))
    assert on_disk - opened <= 8_000 + 1_600  # half a second, plus the block being written
    assert recover(tmp_path) == (tmp_path / "r.wav",)
    assert sum(map(len, sound.read(tmp_path / "r.wav"))) == on_disk > 30_000
    assert not part.exists()


def test_a_missing_sound_server_is_one_line_and_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("PULSE_SERVER", raising=False)
    if any(Path("/dev/snd").glob("pcm*c")):
        pytest.skip("this machine has an ALSA microphone")
    with pytest.raises(AudioToImageError, match="no microphone here") as error:
        system()
    assert error.value.hint


def test_a_server_without_microphones_is_one_line_and_a_hint(microphone: Microphone, tmp_path: Path):
    subprocess.run(["pactl", "unload-module", "module-null-sink"], check=True)
    with pytest.raises(AudioToImageError, match="there is no microphone here"):
        list(record(tmp_path / "r.wav"))


def test_stopping_from_another_thread_works_promptly(microphone: Microphone, tmp_path: Path):
    stop = Stop()
    for event in record(tmp_path / "r.wav", seconds=60.0, stop=stop):
        if isinstance(event, Opened):
            threading.Timer(0.3, stop, ("key",)).start()
    assert isinstance(event, Recorded)
    assert event.why == "key"
    assert 0.1 < event.seconds < 60.0
    assert np.concatenate(list(sound.read(event.path))).dtype == np.int16
