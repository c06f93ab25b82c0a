"""Hear speech with the `whisper-cli` program.

The program may exit with 0 after a failure, so success is judged by the JSON file it writes.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator import shell
from orchestrator.errors import AudioToImageError
from orchestrator.hear import Facts
from orchestrator.hear.speech import SHORTEST, Task
from orchestrator.hear.speech.ggml import SpeechModel
from orchestrator.meaning import Evidence, Segment, Words
from orchestrator.sound import SAMPLE_RATE, Samples, write_wav

ENGINE = "whisper-cli"
PROGRAMS = ("whisper-cli", "whisper-cpp")  # its own name, and its name in the PyPI package
MILLISECONDS = 1000
PATIENCE = 600.0  # seconds: a large model on a slow machine takes minutes for 30 s of audio


def hearer(model: SpeechModel, task: Task) -> WhisperCli:
    """Open a model."""
    return WhisperCli(model, task)


class WhisperCli:
    """A model that whisper-cli loads again for each piece."""

    def __init__(self, model: SpeechModel, task: Task) -> None:
        self.facts = Facts(engine=ENGINE, model=model.name, sample_rate=SAMPLE_RATE, longest=model.longest)
        self._model, self._task = model, task

    def load(self) -> Facts:
        """Check that the program is installed."""
        _program()
        return self.facts

    def hear(self, samples: Samples) -> Words:
        """Return the words of one piece."""
        silence = np.zeros(max(0, int(SHORTEST * SAMPLE_RATE) - len(samples)), dtype=np.int16)
        with tempfile.TemporaryDirectory() as folder:
            sound, output = Path(folder) / "piece.wav", Path(folder) / "words"
            write_wav(sound, [samples, silence])
            result = shell.run(self.arguments(sound, output), seconds=PATIENCE)
            try:
                written = output.with_suffix(".json").read_text(encoding="utf-8", errors="replace")
                return self._words(json.loads(written, strict=False))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise _failure(result.returncode, result.stderr) from error

    def unload(self) -> None:
        """Do nothing: no model stays in memory."""

    def arguments(self, sound: Path, output: Path) -> list[str]:
        """Return a command for one greedy decoding, with token probabilities in a JSON file."""
        model, task, program = self._model, self._task, _program()
        arguments = [program, "-m", str(model.path), "-f", str(sound), "-of", str(output), "-ojf", "-np", "-bs", "1"]
        arguments += ["-l", task.language, "-t", str(model.threads(task.threads))]
        arguments += ["-tr"] if task.translate else []
        arguments += ["--prompt", task.initial_prompt] if task.initial_prompt else []
        arguments += ["-nf"] if model.words else []  # retries do not help a small vocabulary
        if not model.flash_attention and b"-nfa" in _help(program):  # older versions have it off by default
            arguments += ["-nfa"]
        return arguments

    def _words(self, answer: Mapping[str, Any]) -> Words:
        raw = answer["transcription"]
        segments = (self._segment(each) for each in raw)
        return Words(
            text="".join(each["text"] for each in raw).strip(),
            segments=tuple(segment for segment in segments if segment.text),
            language=answer["result"]["language"],
            translated=self._task.translate,
            evidence=Evidence(engine=ENGINE, model=self._model.name),
        )

    def _segment(self, raw: Mapping[str, Any]) -> Segment:
        timed = self._model.timed
        logs = [math.log(max(token["p"], 1e-9)) for token in raw["tokens"] if token["id"] < self._model.end_of_text]
        return Segment(
            text=raw["text"].strip(),
            start=raw["offsets"]["from"] / MILLISECONDS if timed else None,
            end=raw["offsets"]["to"] / MILLISECONDS if timed else None,
            probability=math.exp(sum(logs) / len(logs)) if logs else None,
        )


def _program() -> str:
    for name in PROGRAMS:
        found = shell.find(name)
        if found:
            return found
    raise AudioToImageError(
        "there is no whisper-cli on this machine", "brew install whisper-cpp, or use --hearer whisper"
    )


@cache
def _help(program: str) -> bytes:
    result = shell.run([program, "--help"])
    return result.stdout + result.stderr


def _failure(code: int, stderr: bytes) -> AudioToImageError:
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "failed" in line.lower()] or lines
    reason = errors[-1].strip() if errors else "it gave no reason"
    return AudioToImageError(f"whisper-cli failed (status {code}): {reason}", "try --hearer whisper")
