"""Hearing a recording while it grows, and painting before it ends: real workers with simple engines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sounds import silence, speech

from orchestrator.events import Drafted, Painted
from orchestrator.hear import Facts
from orchestrator.line.engines import Hearer, Painter
from orchestrator.line.order import Order, Prompt
from orchestrator.line.talking.ahead import Ahead, OrderFor
from orchestrator.line.talking.rehearing import Rehearing
from orchestrator.meaning import Evidence, Nothing, Words
from orchestrator.paint import Wish
from orchestrator.sound import SAMPLE_RATE, Samples
from orchestrator.worker import Opening
from orchestrator.worker.child import Child

BLOCK = SAMPLE_RATE // 20
PATHS = f"{Path(__file__).parent}:{Path(__file__).parent.parent}"
HEARD = Words(text="a red house")


class CountingHearer:
    """Returns how many seconds it was given, as words."""

    def load(self) -> Facts:
        return Facts(engine="counting", model="counting", sample_rate=SAMPLE_RATE, longest=6.0)

    def hear(self, samples: Samples) -> Words:
        return Words(text=f"{len(samples) / SAMPLE_RATE:.2f}", language="en")


class CountingPainter:
    def load(self) -> None:
        pass

    def paint(self, wish: Wish) -> Iterator[Painted]:
        for index in range(1, (wish.steps or 0) + 1):
            time.sleep(0.01)
            yield Painted(
                picture=0, count=1, index=index, steps=wish.steps or 0, seed=0, denoised=np.zeros((1, 1, 1)),
                to_rgb=np.zeros((2, 3), np.float32),
            )  # fmt: skip


@pytest.fixture
def hearer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hearer]:
    monkeypatch.setenv("PYTHONPATH", PATHS)
    engine = Hearer(Opening(role="speech", path="test_rehearing:CountingHearer"))
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Painter]:
    monkeypatch.setenv("PYTHONPATH", PATHS)
    engine = Painter(Opening(role="picture", path="test_rehearing:CountingPainter"))
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def said(tmp_path: Path) -> Samples:
    """A sentence that begins with the recording."""
    return speech("a red sailboat on the sea at sunset", tmp_path)


def feed(rehearing: Rehearing, samples: Samples) -> list[str]:
    """Feed it sound as fast as answers arrive; return the words found meanwhile."""
    words = []
    for start in range(0, len(samples), BLOCK):
        if rehearing.listen(samples[start : start + BLOCK]):
            words.append(rehearing.text)
        time.sleep(0.01)
    return words


def test_words_come_while_someone_speaks_and_the_last_ones_during_the_silence(hearer: Hearer, said: Samples) -> None:
    rehearing = Rehearing(hearer)
    words = feed(rehearing, said)
    assert len(words) >= 2
    assert not rehearing.complete
    feed(rehearing, silence(0.6))
    assert rehearing.complete
    meaning, asked = rehearing.meaning, rehearing._begun
    assert rehearing.final() is meaning
    assert rehearing._begun == asked, "the hearer was called again although it had heard everything"
    assert float(rehearing.text) > rehearing.voice.spans[-1].end


def test_a_recording_stopped_in_the_middle_of_a_word_is_heard_to_its_end(hearer: Hearer, said: Samples) -> None:
    rehearing = Rehearing(hearer)
    feed(rehearing, said[: SAMPLE_RATE + 777])
    meaning = rehearing.final()
    assert isinstance(meaning, Words)
    assert meaning.text == f"{1 + 777 / SAMPLE_RATE:.2f}"


def test_silence_calls_no_hearer_and_has_a_reason(hearer: Hearer) -> None:
    rehearing = Rehearing(hearer)
    feed(rehearing, silence(2.0))
    assert rehearing.final() == Nothing(reason="nobody spoke")


def test_a_recording_longer_than_the_hearer_takes_is_left_to_be_heard_in_pieces(hearer: Hearer, said: Samples) -> None:
    rehearing = Rehearing(hearer)
    feed(rehearing, np.concatenate([said, silence(0.5), said, silence(0.5), said]))
    assert rehearing.final() is None


def painting(count: int) -> OrderFor:
    """Return what makes an order of so many steps from any prompt."""
    return lambda prompt, steps: Order(wish=Wish(prompt="a red house", seed=1, steps=steps or count), prompt=prompt)


def moment(*, complete: bool, words: Words = HEARD) -> Any:
    return SimpleNamespace(meaning=words, complete=complete, voice=SimpleNamespace(speaking=not complete))


def test_painting_begins_in_the_silence_and_is_taken_over_when_the_sentence_has_ended(painter: Painter) -> None:
    ahead = Ahead(painter, painting(20), drafts=False)
    list(ahead.consider(moment(complete=True)))
    while not (ahead._call and ahead._call.ended):  # until all steps are here, before the picture is requested
        list(ahead.consider(moment(complete=True)))
        time.sleep(0.01)
    heard = replace(HEARD, evidence=Evidence(source="digest"))
    taken = ahead.take(Prompt(text="a red house", heard=heard, seconds=0.5))
    assert taken
    order, call = taken
    assert (order.prompt.heard, order.prompt.seconds) == (heard, 0.5)
    assert call.ended, "it had not painted ahead"
    assert [step.index for step in call if isinstance(step, Painted)] == list(range(1, 21))


def test_painting_stops_when_the_speech_goes_on(painter: Painter) -> None:
    ahead = Ahead(painter, painting(1000), drafts=False)
    list(ahead.consider(moment(complete=True)))
    list(ahead.consider(moment(complete=False)))
    assert ahead.take(Prompt(text="", heard=HEARD)) is None
    assert list(painter.paint(Wish(prompt="x", seed=1, steps=1))), "the painter is free again"


def test_painting_ahead_stops_when_the_sentence_fails_and_goes_on_once_taken(painter: Painter) -> None:
    for taken in (True, False):
        ahead = Ahead(painter, painting(50), drafts=False)
        list(ahead.consider(moment(complete=True)))
        found = ahead.take(Prompt(text="a red house", heard=HEARD)) if taken else None
        call = found[1] if found else ahead._call
        assert call
        ahead.close()
        assert len(list(call)) == (50 if taken else 0)


def test_painting_ahead_is_dropped_when_the_words_differ(painter: Painter) -> None:
    ahead = Ahead(painter, painting(1000), drafts=False)
    list(ahead.consider(moment(complete=True)))
    assert ahead.take(Prompt(text="", heard=Words(text="a red horse"))) is None


def test_painting_ahead_is_dropped_when_the_engine_died(painter: Painter) -> None:
    ahead = Ahead(painter, painting(1000), drafts=False)
    list(ahead.consider(moment(complete=True)))
    assert isinstance(painter._peer, Child)
    painter._peer.process.kill()
    painter._peer.process.wait()
    assert ahead.take(Prompt(text="a red house", heard=HEARD)) is None
    assert list(painter.paint(Wish(prompt="x", seed=1, steps=1))), "a new engine paints"


def test_a_draft_shows_its_steps_and_ends_when_the_speech_pauses(painter: Painter) -> None:
    ahead = Ahead(painter, painting(1000), drafts=True)
    drafted: list[Drafted] = []
    while not drafted:
        drafted += ahead.consider(moment(complete=False))
        time.sleep(0.01)
    list(ahead.consider(moment(complete=True)))
    assert ahead.take(Prompt(text="", heard=HEARD)) is None, "a draft is not the picture"
