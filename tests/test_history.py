"""The pictures of a conversation: undone one after another, and brought back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_recipe import PLAIN

from orchestrator.events import Kept
from orchestrator.line.talking import History, history_of

pytestmark = pytest.mark.quick


def kept(number: int) -> Kept:
    recipe = replace(PLAIN, id=f"{number:010d}", prompt=f"picture {number}")
    return Kept(id=recipe.id, path=Path(f"{number}.png"), recipe=recipe)


def history(count: int) -> History:
    made = History()
    for number in range(count):
        made.add_kept(kept(number))
    return made


def last(made: History) -> str:
    return made.last.kept.recipe.prompt if made.last else ""


def test_pictures_are_undone_one_after_another_down_to_the_first() -> None:
    made = history(3)
    assert [bool(made.undo()), last(made), bool(made.undo()), last(made)] == [True, "picture 1", True, "picture 0"]
    assert made.undo() is None
    assert last(made) == "picture 0"


def test_undone_pictures_come_back_in_order() -> None:
    made = history(3)
    made.undo()
    made.undo()
    assert [bool(made.redo()), last(made), bool(made.redo()), last(made)] == [True, "picture 1", True, "picture 2"]
    assert made.redo() is None


def test_a_new_picture_ends_what_can_be_brought_back() -> None:
    made = history(2)
    made.undo()
    made.add_kept(kept(7))
    assert made.redo() is None
    made.undo()
    assert last(made) == "picture 0"


def test_naming_the_last_picture_again_changes_nothing() -> None:
    made = history(2)
    made.undo()
    made.add_kept(kept(0))
    assert len(made.made) == 1
    assert made.redo()


def test_a_conversation_may_begin_with_a_kept_picture_or_with_none() -> None:
    assert last(history_of(kept(4))) == "picture 4"
    assert history_of(None).last is None
