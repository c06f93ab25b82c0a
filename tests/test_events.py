"""Events as lines of JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import events

pytestmark = pytest.mark.quick


@given(st.text(), st.text())
def test_any_text_is_one_line_that_reads_back(text: str, hint: str) -> None:
    line = events.Note(text=text, hint=hint).to_json()
    assert "\n" not in line
    assert json.loads(line) == {"event": "note", "text": text, "hint": hint}


def test_the_name_of_an_event_is_written_in_snake_case_and_a_path_as_text() -> None:
    event = events.ModelHere(name="boat", path=Path("/models/boat"))
    assert json.loads(event.to_json()) == {"event": "model_here", "name": "boat", "path": "/models/boat"}


def test_samples_are_not_written() -> None:
    event = events.Level(samples=np.zeros(10, np.int16), level=-20.0, seconds=1.0, seconds_left=2.0)
    assert "samples" not in json.loads(event.to_json())
