"""Decide what a sentence does to the last picture. Text in, text out; pure, in linear time.

    refine("make it night", "a red house by the sea at noon")  ->  Amend(prompt="a red house by the sea at night")

A new time, weather, place, side, size, colour or subject replaces the one in the prompt; anything else is added at the
end. A sentence that is no change paints a new picture; if it may have been meant as one, the reading has a doubt.
"""

from __future__ import annotations

import re

from orchestrator.refine import clause, fragment
from orchestrator.refine import prompt as editing
from orchestrator.refine import sentence as grammar
from orchestrator.refine.fragment import Change
from orchestrator.refine.reading import Again, Amend, New, Reading, Redo, Undo
from orchestrator.refine.sentence import Clause

__all__ = ["Again", "Amend", "New", "Reading", "Redo", "Undo", "refine"]

_PLEASE_AT_END = re.compile(r",? please[.!]?$", re.IGNORECASE)
_CHANGE_LIKE = re.compile(
    r"(?:make|turn|change|add|remove|put|move|replace|swap|take|give|without|with|now|less|more)\b|it\b"
)
_LONGEST_ADDITION = 6  # words of "with a tree": a longer one begins a description
_FEW = 3  # words: so short a sentence may be meant as a change


def refine(sentence: str, prompt: str) -> Reading:
    """Return what a sentence does to the picture of a prompt."""
    words = grammar.normalize(sentence)
    if not words or len(words.split()) > grammar.MOST_WORDS:
        return New(prompt=sentence)
    command = _command(words) or _command(grammar.plain(words))
    if command:
        return command
    new = grammar.NEW.match(grammar.plain(words))
    if new:
        return New(prompt=grammar.plain(words)[new.end() :] or sentence)
    if grammar.REQUEST.match(words) and not clause.refers_back(words):
        return New(prompt=sentence)
    change = _apply(words, _PLEASE_AT_END.sub("", prompt))
    if change and change.prompt:
        return Amend(prompt=change.prompt, doubt=change.doubt)
    return New(prompt=sentence, doubt=_doubt(words))


def _command(words: str) -> Reading | None:
    """Return the reading of "again", "undo" and "redo"; None for another sentence."""
    for pattern, reading in ((grammar.REDO, Redo()), (grammar.UNDO, Undo()), (grammar.AGAIN, Again())):
        if pattern.fullmatch(words):
            return reading
    return None


def _apply(words: str, prompt: str) -> Change | None:
    """Apply each clause of a sentence; None where one of them is no change."""
    opening = grammar.open_clause(words)
    doubts: list[str] = []
    for number, piece in enumerate(grammar.split(opening.text)):
        own = grammar.open_clause(piece) if number else opening
        text = own.text if number else piece
        change = _apply_clause(Clause(text=text, firm=own.firm or opening.firm, soft=own.soft or opening.soft), prompt)
        if change is None:
            return None
        prompt, doubts = change.prompt, [*doubts, change.doubt]
    return Change(prompt=prompt, doubt="; ".join(filter(None, doubts))) if doubts else None


def _apply_clause(each: Clause, prompt: str) -> Change | None:
    if not each.opened and len(each.text.split()) > _LONGEST_ADDITION and each.text.startswith("with "):
        return None
    change = clause.apply(each.text, prompt)
    if change or not each.text:
        return change
    change = fragment.apply(each.text, prompt, opened=each.opened)
    if not change.left:
        return change
    return Change(prompt=editing.add(change.prompt, change.left)) if each.firm else None


def _doubt(words: str) -> str:
    """Return why a new picture may not be what was meant; '' if it surely is."""
    plain = grammar.plain(words)
    if grammar.REQUEST.match(words) or re.match(r"(?:paint|draw) (?!it\b)", plain):
        return ""
    if _CHANGE_LIKE.match(plain) or grammar.open_clause(words).opened:
        return "the change is not understood"
    return "it is very short" if len(plain.split()) <= _FEW else ""
