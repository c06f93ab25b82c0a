"""Hearing a recording while it grows and painting ahead, with real worker processes and fake engines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sounds import silence, speech

from orchestrator.hear.speech import Heard
from orchestrator.line.engines import HearerElsewhere, PainterElsewhere
from orchestrator.line.order import Order, Said
from orchestrator.line.talking.ahead import Ahead
from orchestrator.line.talking.rehearing import Rehearing
from orchestrator.recipe import Recipe
from orchestrator.sound import SAMPLE_RATE, Samples
from orchestrator.worker import Opening

BLOCK = SAMPLE_RATE // 20


class CountingHearer:
    """A hearer whose words are the number of seconds it was given."""

    longest = 6.0

    def load(self) -> None:
        pass

    def hear(self, samples: Samples) -> Heard:
        return Heard(text=f"{len(samples) / SAMPLE_RATE:.2f}", language="en")


@dataclass(frozen=True)
class FakeStep:
    index: int
    steps: int
    pixels: None = None

    def preview(self) -> None:
        pass


class CountingPainter:
    def load(self) -> None:
        pass

    def paint(self, steps: int) -> Iterator[FakeStep]:
        for index in range(1, steps + 1):
            time.sleep(0.01)
            yield FakeStep(index, steps)


@pytest.fixture
def hearer(monkeypatch: pytest.MonkeyPatch) -> Iterator[HearerElsewhere]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    engine = HearerElsewhere(Opening(name="speech", path="test_rehearing:CountingHearer"))
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Iterator[PainterElsewhere]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    engine = PainterElsewhere(Opening(name="picture", path="test_rehearing:CountingPainter"))
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def said(tmp_path: Path) -> Samples:
    """A sentence without leading silence."""
    return speech("a red sailboat on the sea at sunset", tmp_path)


def feed(rehearing: Rehearing, samples: Samples) -> list[str]:
    """Pass samples block by block; return the words heard so far after each new result."""
    words = []
    for start in range(0, len(samples), BLOCK):
        if rehearing.listen(samples[start : start + BLOCK]):
            words.append(rehearing.heard.text)
        time.sleep(0.01)
    return words


def test_words_come_during_speech_and_the_final_ones_during_the_silence(hearer: HearerElsewhere, said: Samples) -> None:
    rehearing = Rehearing(hearer)
    words = feed(rehearing, said)
    assert len(words) >= 2
    assert not rehearing.settled
    feed(rehearing, silence(0.6))
    assert rehearing.settled
    heard, calls = rehearing.heard, rehearing._begun
    assert rehearing.final() is heard
    assert rehearing._begun == calls, "the hearer was called again though it had heard everything"
    assert float(heard.text) > rehearing.voice.spans[-1].end


def test_a_recording_stopped_in_the_middle_of_a_word_is_heard_completely(
    hearer: HearerElsewhere, said: Samples
) -> None:
    rehearing = Rehearing(hearer)
    feed(rehearing, said[: SAMPLE_RATE + 777])
    heard = rehearing.final()
    assert heard
    assert heard.text == f"{1 + 777 / SAMPLE_RATE:.2f}"


def test_silence_has_no_words_and_a_reason(hearer: HearerElsewhere) -> None:
    rehearing = Rehearing(hearer)
    feed(rehearing, silence(2.0))
    heard = rehearing.final()
    assert heard
    assert (heard.text, heard.no_speech) == ("", "nobody spoke")


def test_a_recording_too_long_for_the_hearer_has_no_final_result(hearer: HearerElsewhere, said: Samples) -> None:
    rehearing = Rehearing(hearer)
    feed(rehearing, np.concatenate([said, silence(0.5), said, silence(0.5), said]))
    assert rehearing.final() is None


def fake_talk(painter: PainterElsewhere, steps: int) -> Any:
    """A conversation whose orders all paint `steps` steps."""
    recipe = Recipe(
        prompt="", seed=1, steps=1, guidance=1.0, sampler="", spacing="", width=1, height=1, model="", engine="",
        compute_unit="", transcript="a red house",
    )  # fmt: skip
    order = SimpleNamespace(request=steps, recipe=recipe, hear=0.0)
    return SimpleNamespace(
        line=SimpleNamespace(painter=painter),
        plan=lambda said: said,
        order=lambda *_, **__: Order(request=order.request, recipe=recipe),
        step_seconds=lambda: 0.0,
    )


def fake_rehearing(*, settled: bool, text: str = "a red house") -> Any:
    return SimpleNamespace(heard=Heard(text=text), settled=settled, voice=SimpleNamespace(speaking=not settled))


def test_painting_starts_during_the_silence_and_continues_after_the_sentence(
    painter: PainterElsewhere,
) -> None:
    ahead = Ahead(fake_talk(painter, 20), drafts=False)
    now = fake_rehearing(settled=True)
    for _ in range(30):
        list(ahead.consider(now))
        time.sleep(0.02)
    order = ahead.take(Said(prompt="a red house", transcript="a red house", recording="digest"))
    assert order
    assert order.recipe.recording == "digest"
    start = time.monotonic()
    assert [step.index for step in painter.follow()] == list(range(1, 21))
    assert time.monotonic() - start < 0.15, "it had not painted ahead"


def test_painting_stops_when_speech_continues(painter: PainterElsewhere) -> None:
    ahead = Ahead(fake_talk(painter, 10_000), drafts=False)
    list(ahead.consider(fake_rehearing(settled=True)))
    list(ahead.consider(fake_rehearing(settled=False)))
    assert ahead.take(Said(prompt="", transcript="a red house")) is None
    assert painter.ask("paint", 1), "the painter is free again"


def test_a_picture_painted_ahead_for_other_words_is_dropped(painter: PainterElsewhere) -> None:
    ahead = Ahead(fake_talk(painter, 10_000), drafts=False)
    list(ahead.consider(fake_rehearing(settled=True)))
    assert ahead.take(Said(prompt="", transcript="a red horse")) is None


def test_a_draft_shows_its_steps_and_stops_when_speech_pauses(painter: PainterElsewhere) -> None:
    ahead = Ahead(fake_talk(painter, 10_000), drafts=True)
    drafted = []
    for _ in range(20):
        drafted += ahead.consider(fake_rehearing(settled=False))
        time.sleep(0.02)
    assert drafted
    list(ahead.consider(fake_rehearing(settled=True)))
    assert ahead.take(Said(prompt="", transcript="a red house")) is None, "a draft is not the picture"
