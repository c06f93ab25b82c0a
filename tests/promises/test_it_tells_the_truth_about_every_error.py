"""It tells the truth: every error has a hint, and every kind of error that a room makes is provoked here."""

from __future__ import annotations

import ast
from contextlib import suppress
from pathlib import Path

import error_kinds
import provoke_faces
import provoke_ground
import provoke_rooms
import pytest
from error_kinds import Site
from provoke import PROVOKED

from orchestrator.errors import AudioToImageError

__all__ = ["provoke_faces", "provoke_ground", "provoke_rooms"]  # imported for what they register
# Kinds of errors that need no hint, and why.
WITHOUT_HINT = {
    "Cancelled": "the person asked for it, so there is nothing to repair",
    "NotARecipe": "its callers treat the picture as one without a recipe; nobody reads it",
}
NAMES = sorted({(site.room, site.kind) for site in error_kinds.sites()})


def test_every_error_has_a_hint() -> None:
    missing = [str(site) for site in error_kinds.sites() if not site.has_hint and site.kind not in WITHOUT_HINT]
    assert not missing, "\n".join(["errors without a hint:", *missing])


def test_every_kind_that_needs_no_hint_still_exists() -> None:
    assert set(WITHOUT_HINT) <= set(error_kinds.kinds())


@pytest.mark.parametrize("hint", ["", 'hint=""', "hint", "hint if better else ''", "f'{hint}'"])
def test_an_empty_hint_is_found(hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"def check(better: bool, hint: str = '') -> None:\n    raise Misuse('it failed', {hint})\n"
    assert not _only_site(code, monkeypatch).has_hint


@pytest.mark.parametrize("hint", ["'repair it'", "hint='repair it'", "HINT", "f'repair {better}'", "shell.hint('it')"])
def test_a_hint_is_recognized(hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"HINT = 'repair it'\ndef check(better: bool) -> None:\n    raise Misuse('it failed', {hint})\n"
    assert _only_site(code, monkeypatch).has_hint


def _only_site(code: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    path = error_kinds.PACKAGE / "example.py"
    known = error_kinds.kinds()
    monkeypatch.setattr(error_kinds, "kinds", lambda: known)
    monkeypatch.setattr(error_kinds, "trees", lambda: {path: ast.parse(code)})
    (site,) = error_kinds.sites()
    return site


def test_every_class_of_error_is_made_somewhere() -> None:
    assert {site.kind for site in error_kinds.sites()} == set(error_kinds.kinds())


def test_every_kind_of_error_of_every_room_is_provoked() -> None:
    missing, gone = set(NAMES) - set(PROVOKED), set(PROVOKED) - set(NAMES)
    assert not missing, f"no test provokes {sorted(missing)}: add a function to tests/promises/provoke_*.py"
    assert not gone, f"the program no longer makes {sorted(gone)}: remove their functions"


@pytest.mark.parametrize(("room", "kind"), sorted(PROVOKED), ids=lambda each: each)
def test_the_error_is_made_in_its_room_and_has_a_hint(
    room: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with error_kinds.recorded() as made, suppress(AudioToImageError, SystemExit):
        PROVOKED[room, kind](tmp_path, monkeypatch)
    hints = [hint for where, what, hint in made if (where, what) == (room, kind)]
    assert hints, f"no {kind} was made in {room}, only {made}"
    assert all(hints) or kind in WITHOUT_HINT
