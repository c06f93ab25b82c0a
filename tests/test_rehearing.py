"""Hearing a recording while it grows, and painting before it is over: with real workers, and engines that count."""

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
    """Tells how many seconds it was given, as words."""

    longest = 6.0

    def load(self) -> None:
        pass

    def hear(self, samples: Samples) -> Heard:
        return Heard(text=f"{len(samples) / SAMPLE_RATE:.2f}", language="en")


@dataclass(frozen=True)
class Stroke:
    index: int
    steps: int
    pixels: None = None

    def preview(self) -> None:
        pass


class CountingPainter:
    def load(self) -> None:
        pass

    def paint(self, steps: int) -> Iterator[Stroke]:
        for index in range(1, steps + 1):
            time.sleep(0.01)
            yield Stroke(index, steps)


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
    """A sentence, said at once after the recording began."""
    return speech("a red sailboat on the sea at sunset", tmp_path)


def fed(rehearing: Rehearing, samples: Samples) -> list[str]:
    """Let it listen as fast as answers come; tell the words it found on the way."""
    words = []
    for start in range(0, len(samples), BLOCK):
        if rehearing.listen(samples[start : start + BLOCK]):
            words.append(rehearing.heard.text)
        time.sleep(0.01)
    return words


def test_words_come_while_someone_speaks_and_the_last_ones_during_the_silence(
    hearer: HearerElsewhere, said: Samples
) -> None:
    rehearing = Rehearing(hearer)
    words = fed(rehearing, said)
    assert len(words) >= 2
    assert not rehearing.settled
    fed(rehearing, silence(0.6))
    assert rehearing.settled
    heard, asked = rehearing.heard, rehearing._begun
    assert rehearing.final() is heard
    assert rehearing._begun == asked, "the hearer was asked though it had heard all that was said"
    assert float(heard.text) > rehearing.voice.spans[-1].end


def test_a_recording_stopped_in_the_middle_of_a_word_is_heard_to_its_end(
    hearer: HearerElsewhere, said: Samples
) -> None:
    rehearing = Rehearing(hearer)
    fed(rehearing, said[: SAMPLE_RATE + 777])
    heard = rehearing.final()
    assert heard
    assert heard.text == f"{1 + 777 / SAMPLE_RATE:.2f}"


def test_silence_asks_nobody_and_says_why_there_are_no_words(hearer: HearerElsewhere) -> None:
    rehearing = Rehearing(hearer)
    fed(rehearing, silence(2.0))
    heard = rehearing.final()
    assert heard
    assert (heard.text, heard.no_speech) == ("", "nobody spoke")


def test_a_recording_longer_than_the_hearer_takes_is_left_to_be_heard_in_pieces(
    hearer: HearerElsewhere, said: Samples
) -> None:
    rehearing = Rehearing(hearer)
    fed(rehearing, np.concatenate([said, silence(0.5), said, silence(0.5), said]))
    assert rehearing.final() is None


def pretended(painter: PainterElsewhere, steps: int) -> Any:
    """A conversation whose every plan is so many steps."""
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


def moment(*, settled: bool, text: str = "a red house") -> Any:
    return SimpleNamespace(heard=Heard(text=text), settled=settled, voice=SimpleNamespace(speaking=not settled))


def test_painting_begins_in_the_silence_and_is_taken_over_when_the_sentence_has_ended(
    painter: PainterElsewhere,
) -> None:
    ahead = Ahead(pretended(painter, 20), drafts=False)
    now = moment(settled=True)
    for _ in range(30):
        list(ahead.consider(now))
        time.sleep(0.02)
    order = ahead.take(Said(prompt="a red house", transcript="a red house", recording="digest"))
    assert order
    assert order.recipe.recording == "digest"
    begun = time.monotonic()
    assert [stroke.index for stroke in painter.follow()] == list(range(1, 21))
    assert time.monotonic() - begun < 0.15, "it had not painted ahead"


def test_painting_stops_when_the_speech_goes_on(painter: PainterElsewhere) -> None:
    ahead = Ahead(pretended(painter, 10_000), drafts=False)
    list(ahead.consider(moment(settled=True)))
    list(ahead.consider(moment(settled=False)))
    assert ahead.take(Said(prompt="", transcript="a red house")) is None
    assert painter.ask("paint", 1), "the painter is free again"


def test_what_was_painted_ahead_of_other_words_is_not_taken(painter: PainterElsewhere) -> None:
    ahead = Ahead(pretended(painter, 10_000), drafts=False)
    list(ahead.consider(moment(settled=True)))
    assert ahead.take(Said(prompt="", transcript="a red horse")) is None


def test_a_draft_shows_its_steps_and_ends_when_the_speech_pauses(painter: PainterElsewhere) -> None:
    ahead = Ahead(pretended(painter, 10_000), drafts=True)
    drafted: list[Any] = []
    for _ in range(20):
        drafted += ahead.consider(moment(settled=False))
        time.sleep(0.02)
    assert drafted
    list(ahead.consider(moment(settled=True)))
    assert ahead.take(Said(prompt="", transcript="a red house")) is None, "a draft is not the picture"
