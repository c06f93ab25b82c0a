"""Hear speech with whisper.cpp in this process.

Run it in a worker, because a crash in native code ends the process.
"""

from __future__ import annotations

import math
from typing import Any

import _pywhispercpp as cpp
import numpy as np

from orchestrator.errors import AudioToImageError
from orchestrator.hear import Facts
from orchestrator.hear.speech import SHORTEST, Task
from orchestrator.hear.speech.ggml import SpeechModel
from orchestrator.meaning import Evidence, Segment, Words
from orchestrator.sound import SAMPLE_RATE, Samples

ENGINE = "whisper"
TICKS = 100  # whisper.cpp counts time in hundredths of a second


def hearer(model: SpeechModel, task: Task) -> Whisper:
    """Open a model."""
    return Whisper(model, task)


class Whisper:
    """A whisper.cpp model. Uses pywhispercpp's low-level API, as the high-level one drops return codes and spaces."""

    def __init__(self, model: SpeechModel, task: Task) -> None:
        self.facts = Facts(engine=ENGINE, model=model.name, sample_rate=SAMPLE_RATE, longest=model.longest)
        self._model, self._task = model, task
        self._context: Any = None

    def load(self) -> Facts:
        """Load the model into memory."""
        if self._context is not None:
            return self.facts
        wanted = cpp.whisper_context_default_params()
        wanted.flash_attn = self._model.flash_attention
        self._context = cpp.whisper_init_from_file_with_params(str(self._model.path), wanted)
        return self.facts

    def hear(self, samples: Samples) -> Words:
        """Return the words of one piece; loads if needed."""
        if len(samples) > self.facts.longest * SAMPLE_RATE:
            raise ValueError(f"a piece may be {self.facts.longest} s long, this one has {len(samples)} samples")
        self.load()
        sound = np.zeros(max(len(samples), int(SHORTEST * SAMPLE_RATE)), dtype=np.float32)
        sound[: len(samples)] = samples / np.float32(32768)
        code = cpp.whisper_full(self._context, self._parameters(), sound, len(sound))
        if code != 0:
            raise AudioToImageError(f"whisper.cpp failed on the recording (code {code})", "audio-to-image doctor")
        return self._words()

    def unload(self) -> None:
        """Free the model's memory."""
        if self._context is not None:
            cpp.whisper_free(self._context)
        self._context = None

    def _parameters(self) -> Any:
        parameters = cpp.whisper_full_default_params(cpp.whisper_sampling_strategy.WHISPER_SAMPLING_GREEDY)
        parameters.print_progress = False
        parameters.no_context = True
        parameters.n_threads = self._model.threads(self._task.threads)
        parameters.language = self._task.language
        parameters.translate = self._task.translate
        if self._task.initial_prompt:
            parameters.initial_prompt = self._task.initial_prompt
        if self._model.words:
            parameters.temperature_inc = 0.0  # retries do not help a small vocabulary
        return parameters

    def _words(self) -> Words:
        context = self._context
        raw = [self._segment(index) for index in range(cpp.whisper_full_n_segments(context))]
        return Words(
            text="".join(text for text, _ in raw).strip(),
            segments=tuple(segment for _, segment in raw if segment.text),
            language=cpp.whisper_lang_str(cpp.whisper_full_lang_id(context)),
            translated=self._task.translate,
            evidence=Evidence(engine=ENGINE, model=self._model.name),
        )

    def _segment(self, index: int) -> tuple[str, Segment]:
        context, timed = self._context, self._model.timed
        text = cpp.whisper_full_get_segment_text(context, index).decode(errors="replace")
        segment = Segment(
            text=text.strip(),
            start=cpp.whisper_full_get_segment_t0(context, index) / TICKS if timed else None,
            end=cpp.whisper_full_get_segment_t1(context, index) / TICKS if timed else None,
            probability=self._probability(index),
        )
        return text, segment

    def _probability(self, index: int) -> float | None:
        """Return the geometric mean over text tokens; timestamps and end-of-text do not count."""
        context = self._context
        tokens = range(cpp.whisper_full_n_tokens(context, index))
        words = [t for t in tokens if cpp.whisper_full_get_token_id(context, index, t) < self._model.end_of_text]
        logs = [math.log(max(cpp.whisper_full_get_token_p(context, index, t), 1e-9)) for t in words]
        return math.exp(sum(logs) / len(logs)) if logs else None
