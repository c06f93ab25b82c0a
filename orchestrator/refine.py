"""Refining by voice: a sentence and the prompt before it come in; what to do with the last picture goes out. Pure.

    refine("make it night", "a red house by the sea at noon")  ->  Amend(prompt="a red house by the sea at night")

What a sentence says of the time, the weather, the place, the side, the size and the colour replaces what the prompt
says of it; a new subject replaces the subject; anything else is added at the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

OPENINGS = (
    "now make it", "now paint it", "now", "and now", "make it", "make that", "paint it", "paint that", "turn it",
    "change it to", "the same but", "same but", "the same thing but", "the same picture but", "but", "this time",
)  # fmt: skip
AGAIN = ("again", "once more", "one more", "another one", "another", "try again", "paint it again", "do it again")
UNDO = ("undo", "undo that", "undo it", "go back", "back", "take it back")


@dataclass(frozen=True, kw_only=True)
class Amend:
    """Repaint the last picture with this prompt."""

    prompt: str


@dataclass(frozen=True, kw_only=True)
class Again:
    """Paint the last picture with a new seed."""


@dataclass(frozen=True, kw_only=True)
class Undo:
    """Go back to the picture before."""


Refinement: TypeAlias = Amend | Again | Undo


def refine(sentence: str, prompt: str) -> Refinement | None:
    """Tell what a sentence does to the picture of a prompt; None where it is a sentence of its own."""
    said = _plain(sentence)
    if said in AGAIN:
        return Again()
    if said in UNDO:
        return Undo()
    change = _OPENING.sub("", said, count=1)
    if change == said or not change:
        return None
    return Amend(prompt=amended(prompt, change))


def amended(prompt: str, change: str) -> str:
    """Work a change into a prompt."""
    without = _NOT.match(change)
    for aspect, pattern in [(each, each.phrase) for each in _ASPECTS] + [(each, each.bare) for each in _ASPECTS]:
        found = pattern.search(change)
        if found:
            change = _squeezed(change[: found.start()] + " " + change[found.end() :])
            prompt = aspect.put(prompt, "" if without else found[0])
    left = _EMPTY.sub("", change).strip()
    if without or not left:
        return prompt
    return _with_subject(prompt, left) if _SUBJECT.match(left) else f"{prompt.rstrip(' .')}, {left}"


@dataclass(frozen=True, kw_only=True)
class _Aspect:
    """Something that a picture has one of, and how it is said."""

    phrase: re.Pattern[str]
    written: dict[str, str]  # a bare word -> how a prompt says it
    bare: re.Pattern[str]  # these words, which mean it in a change alone: "snow" in a prompt may be a place
    adjective: bool = False  # stands before the subject rather than after it

    def put(self, prompt: str, said: str) -> str:
        """Say it in the place where the prompt says it, or where it belongs; said nothing, take it out."""
        new = self.written.get(said, said)
        if not self.phrase.search(prompt):
            return _described(prompt, new) if self.adjective and new else _squeezed(f"{prompt} {new}")
        first = self.phrase.sub(lambda _: "\0", prompt)
        return _article(_squeezed(first.replace("\0", new, 1).replace("\0", "")))


def _aspect(pattern: str, written: dict[str, str] | None = None, *, adjective: bool = False) -> _Aspect:
    phrase = re.compile(rf"\b(?:{pattern})(?![\w-])", re.IGNORECASE)
    bare = re.compile(rf"\b(?:{'|'.join(written or ['(?!)'])})(?![\w-])")
    return _Aspect(phrase=phrase, written=written or {}, bare=bare, adjective=adjective)


_SOME = r"(?:the |a |an )?(?:\w+ )?"  # "in the green hills"
_PLACE = "sea|ocean|water|beach|lake|river|hills?|desert|mountains?|forest|woods|jungle|city|street|park|garden|field"
_ASPECTS = (
    _aspect(
        r"(?:on|in|under|with|through|while it is) (?:an? |the )?"
        r"(?:(?:falling |heavy |light )?(?:rain|clouds|fog|mist|snowfall|raining|snowing)"
        r"|falling snow|storm|thunderstorm|(?:clear|cloudy|blue) sky|(?:cloudy|rainy|sunny|snowy|foggy|stormy) day)",
        {"raining": "in the rain", "rainy": "in the rain", "rain": "in the rain", "snowing": "with falling snow",
         "snowy": "with falling snow", "snow": "with falling snow", "cloudy": "with clouds", "clouds": "with clouds",
         "sunny": "under a clear sky", "clear": "under a clear sky", "foggy": "in the fog", "stormy": "in a storm"},
    ),
    _aspect(
        r"(?:at|in|by|under|during) (?:the |full )?(?:early |late )?(?:sunrise|dawn|morning|noon|midday|daylight|"
        r"daytime|afternoon|sunset|evening|dusk|twilight|night|midnight|stars|moonlight)",
        {word: f"at {word}" for word in ("sunrise", "dawn", "noon", "midday", "sunset", "dusk", "night", "midnight")}
        | {word: f"in the {word}" for word in ("morning", "afternoon", "evening")}
        | dict.fromkeys(("daylight", "daytime", "day"), "in daylight"),
    ),
    _aspect(rf"(?:on|in|by|at|near) {_SOME}(?:{_PLACE})|(?:in|on) the snow|in space"),
    _aspect(r"(?:on|to|at|in) the (?:left|right|middle|center|centre)(?: side)?"),
    _aspect(
        "small|little|tiny|big|large|huge|giant", {"bigger": "big", "larger": "large", "smaller": "small"},
        adjective=True,
    ),
    _aspect("red|blue|green|yellow|orange|purple|pink|white|black|brown|gr[ae]y|golden|silver", adjective=True),
)  # fmt: skip

_OPENING = re.compile(rf"^(?:{'|'.join(sorted(OPENINGS, key=len, reverse=True))})\b[\s,]*")
_NOT = re.compile(r"^(?:without|with no|no|not)\b")
_EMPTY = re.compile(r"^(?:(?:and|to|the|a|an|it|is|be|please)\b\s*)+$|\s+please$")
_SUBJECT = re.compile(
    r"^(?:a|an|the) (?!.*\b(?:painting|drawing|sketch|photo|photograph|watercolou?r|cartoon|picture)\b)"
)
_ASKED = re.compile(
    r"^(?:(?:please |can you )?(?:paint|draw|show|give)(?: me)? |imagine |i want |a picture of )?", re.I
)
_AFTER = re.compile(
    r"\b(?:on|in|at|by|with|under|near|through|while|during|beside|behind|over|to)\b|,|$", re.IGNORECASE
)


def _with_subject(prompt: str, subject: str) -> str:
    """Replace what comes before the first preposition."""
    begin = _asked_for(prompt)
    end = _AFTER.search(prompt, begin)
    rest = prompt[end.start() :] if end else ""
    return _squeezed(f"{prompt[:begin]}{subject} {rest}")


def _described(prompt: str, adjective: str) -> str:
    """Put an adjective before the subject, after its article."""
    begin = _asked_for(prompt)
    article = re.match(r"(?:a|an|the)\b\s*", prompt[begin:], re.IGNORECASE)
    place = begin + (article.end() if article else 0)
    return _article(f"{prompt[:place]}{adjective} {prompt[place:]}")


def _asked_for(prompt: str) -> int:
    """Find where "please paint" ends and the thing begins."""
    found = _ASKED.match(prompt)
    return found.end() if found else 0


def _article(text: str) -> str:
    """Set "a" and "an" right after words were exchanged."""
    return re.sub(
        r"\b(a)n?(?= ([\w]))", lambda m: m[1] + ("n" if m[2].lower() in "aeiou" else ""), text, flags=re.IGNORECASE
    )


def _plain(sentence: str) -> str:
    words = re.sub(r"[.!?…,]+(?=\s|$)", "", sentence.lower())
    return re.sub(r"^please | please$", "", _squeezed(words))


def _squeezed(text: str) -> str:
    return re.sub(r"\s+(?=[,.])", "", " ".join(text.split())).strip(" ,")
