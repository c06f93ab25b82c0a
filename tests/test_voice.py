"""Voice detection in synthetic speech and in sounds that are not speech."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sounds import VOICES, melody, noise, silence, speech, tones

from orchestrator.hear.speech.voice import CHUNK, Voice, spans
from orchestrator.sound import SAMPLE_RATE, Samples

SENTENCE = "a red lighthouse by the sea at sunset"
NO_SPEECH = {
    "silence": silence(5),
    "a quiet room": noise(5, 0.001),
    "white noise": noise(5),
    "pink noise": noise(5, 0.3, colour=1),
    "brown noise": noise(5, 0.5, colour=2),
    "hum of 50 Hz": tones(5, 50, 100, 150, 250),
    "hum of 60 Hz": tones(5, 60, 120, 180, 300),
    "a tone": tones(5, 440),
    "a loud high tone": tones(5, 1000, amplitude=0.9),
    "a dial tone": tones(5, 350, 440),
    "a melody": melody(5),
    "clicks": np.resize(np.concatenate([noise(0.01, 0.9), silence(0.4)]), 5 * SAMPLE_RATE),
    "bursts of noise": np.resize(np.concatenate([noise(0.3, 0.3), silence(0.3)]), 5 * SAMPLE_RATE),
}


@pytest.mark.parametrize("name", NO_SPEECH)
def test_no_speech_is_found_in_other_sounds(name: str):
    assert spans([NO_SPEECH[name]]) == ()


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("text", ["no", "thank you", SENTENCE])
def test_speech_is_found_from_start_to_end(text: str, voice: str, tmp_path: Path):
    said = speech(text, tmp_path, voice)
    (span,) = spans([silence(1), said, silence(1)])
    assert 0.9 < span.start < 1.5
    assert span.end - span.start > 0.6 * len(said) / SAMPLE_RATE - 0.3
    assert span.end < 1.2 + len(said) / SAMPLE_RATE


@pytest.mark.parametrize("background", [noise(6, 0.02), noise(6, 0.05, colour=1), tones(6, 50, 100, amplitude=0.02)])
def test_speech_is_found_in_noise_without_the_noise_around_it(background: Samples, tmp_path: Path):
    said = speech(SENTENCE, tmp_path)
    mixed = background.copy()
    mixed[2 * SAMPLE_RATE :][: len(said)] += said // 2
    found = spans([mixed])
    assert 1.9 < found[0].start < 2.6
    assert 3.0 < found[-1].end < 2.2 + len(said) / SAMPLE_RATE


def test_two_sentences_are_two_spans(tmp_path: Path):
    said = speech(SENTENCE, tmp_path)
    first, second = spans([said, silence(1.5), said])
    assert first.end < len(said) / SAMPLE_RATE + 0.1
    assert second.start > len(said) / SAMPLE_RATE + 1.4


@pytest.mark.parametrize("size", [100, 512, 1600, 50_000])
def test_the_size_of_the_blocks_does_not_matter(size: int, tmp_path: Path):
    samples = np.concatenate([silence(0.5), speech(SENTENCE, tmp_path), silence(0.5)])
    blocks = [samples[start : start + size] for start in range(0, len(samples), size)]
    assert spans(blocks) == spans([samples])


def test_a_sentence_is_finished_only_after_the_silence(tmp_path: Path):
    voice = Voice()
    voice.listen(silence(3))
    assert not voice.finished(0.8)  # nobody has spoken yet
    said = np.concatenate([speech(SENTENCE, tmp_path), silence(1.5)])
    finished = []
    for start in range(0, len(said), 800):
        voice.listen(said[start : start + 800])
        finished.append(voice.finished(0.8))
    moment = finished.index(True) * 800 / SAMPLE_RATE
    (span,) = voice.spans
    assert all(finished[finished.index(True) :])
    assert moment == pytest.approx(span.end - 3 + 0.8, abs=0.12)
    assert not voice.speaking


def test_speaking_is_true_only_during_speech(tmp_path: Path):
    voice = Voice()
    voice.listen(silence(1))
    assert not voice.speaking
    voice.listen(speech(SENTENCE, tmp_path)[: SAMPLE_RATE + SAMPLE_RATE // 2])
    assert voice.speaking
    assert voice.spans


@pytest.mark.parametrize("background", [silence(60), noise(60, 0.01)])
def test_the_detector_is_skipped_during_silence_and_steady_noise(background: Samples, monkeypatch: pytest.MonkeyPatch):
    voice, detected = Voice(), []
    monkeypatch.setattr(voice, "_detect", lambda chunk: detected.append(chunk) or 0.0)
    voice.listen(background)
    assert len(detected) < len(background) // CHUNK // 5


ONE_THREAD = """
import os
from sounds import noise
from orchestrator.hear.speech.voice import Voice
Voice().listen(noise(1))
print(len(os.listdir("/proc/self/task")), os.environ.get("OMP_THREAD_LIMIT"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_the_detector_uses_one_thread_and_leaves_the_environment_unchanged():
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", ONE_THREAD], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout == "1 None\n"
