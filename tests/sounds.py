"""Sounds for tests: synthetic speech, silence, noise and tones."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from orchestrator.sound import SAMPLE_RATE, Samples, read

VOICES = {
    "espeak-ng": lambda text, path: ["espeak-ng", "-w", path, text],
    "flite": lambda text, path: ["flite", "-voice", "rms", "-t", text, "-o", path],
}


def say(text: str, path: Path, voice: str = "espeak-ng") -> Path:
    """Speak a sentence into a WAV file."""
    if not shutil.which(voice):
        pytest.skip(f"{voice} is not installed")
    subprocess.run(VOICES[voice](text, str(path)), check=True, capture_output=True)
    return path


def speech(text: str, folder: Path, voice: str = "espeak-ng") -> Samples:
    """Speak a sentence and return its samples."""
    return np.concatenate(list(read(say(text, folder / "said.wav", voice))))


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.int16)


def noise(seconds: float, amplitude: float = 0.1, colour: float = 0.0) -> Samples:
    """Return noise whose power falls with frequency to the power of `colour`: 0 white, 1 pink, 2 brown."""
    count = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(size=count))
    spectrum[1:] *= np.arange(1, len(spectrum)) ** (-colour / 2)
    return _scaled(np.fft.irfft(spectrum, count), amplitude)


def tones(seconds: float, *hertz: float, amplitude: float = 0.3) -> Samples:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return _scaled(np.sum([np.sin(2 * np.pi * each * time) for each in hertz], axis=0), amplitude)


def melody(seconds: float) -> Samples:
    """Return plucked notes, four each second."""
    notes = [tones(0.25, hertz, 2 * hertz, 3 * hertz) for hertz in (262, 330, 392, 523, 392, 330)]
    fading = np.exp(-np.arange(len(notes[0])) / 1500)
    played = np.concatenate([(note * fading).astype(np.int16) for note in notes])
    return np.resize(played, round(seconds * SAMPLE_RATE))


def _scaled(wave: np.ndarray, amplitude: float) -> Samples:
    return (wave / np.abs(wave).max() * amplitude * 32767).astype(np.int16)


def small_disk(folder: Path) -> Path:
    """Mount a file system of 100 kB, which the caller unmounts."""
    disk = folder / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root on Linux")
    return disk
