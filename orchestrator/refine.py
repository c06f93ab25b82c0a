"""Decide what a spoken sentence does to the last picture. Pure.

    refine("make it night", "a red house by the sea at noon")  ->  Amend(prompt="a red house by the sea at night")

A new time, weather, place, side, size, colour or subject replaces the one in the prompt; anything else is added at the
end.
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
    """Return what a sentence does to the picture of a prompt; None if it is a new prompt."""
    words = _normalize(sentence)
    if words in AGAIN:
        return Again()
    if words in UNDO:
        return Undo()
    change = _OPENING.sub("", words, count=1)
    if change == words or not change:
        return None
    return Amend(prompt=_amend(prompt, change))


def _amend(prompt: str, change: str) -> str:
    """Return the prompt with a change applied to it."""
    negated = _NEGATION.match(change)
    for aspect, pattern in [(each, each.phrase) for each in _ASPECTS] + [(each, each.bare) for each in _ASPECTS]:
        found = pattern.search(change)
        if found:
            change = _squeeze(change[: found.start()] + " " + change[found.end() :])
            prompt = aspect.apply(prompt, "" if negated else found[0])
    left = _FILLER.sub("", change).strip()
    if negated or not left:
        return prompt
    return _replace_subject(prompt, left) if _SUBJECT.match(left) else f"{prompt.rstrip(' .')}, {left}"


@dataclass(frozen=True, kw_only=True)
class _Aspect:
    """A property that a picture has once, such as its time of day, and the phrases for it."""

    phrase: re.Pattern[str]
    replacements: dict[str, str]  # bare word -> its phrase in a prompt
    bare: re.Pattern[str]  # the bare words; only matched in a change, as "snow" in a prompt may be a place
    adjective: bool = False  # goes before the subject, not after it

    def apply(self, prompt: str, phrase: str) -> str:
        """Return the prompt with its phrase for this property replaced, or added if it has none; '' removes it."""
        new = self.replacements.get(phrase, phrase)
        if not self.phrase.search(prompt):
            return _add_adjective(prompt, new) if self.adjective and new else _squeeze(f"{prompt} {new}")
        first = self.phrase.sub(lambda _: "\0", prompt)
        return _fix_articles(_squeeze(first.replace("\0", new, 1).replace("\0", "")))


def _aspect(pattern: str, replacements: dict[str, str] | None = None, *, adjective: bool = False) -> _Aspect:
    phrase = re.compile(rf"\b(?:{pattern})(?![\w-])", re.IGNORECASE)
    bare = re.compile(rf"\b(?:{'|'.join(replacements or ['(?!)'])})(?![\w-])")
    return _Aspect(phrase=phrase, replacements=replacements or {}, bare=bare, adjective=adjective)


_DETERMINER = r"(?:the |a |an )?(?:\w+ )?"  # "in the green hills"
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
    _aspect(rf"(?:on|in|by|at|near) {_DETERMINER}(?:{_PLACE})|(?:in|on) the snow|in space"),
    _aspect(r"(?:on|to|at|in) the (?:left|right|middle|center|centre)(?: side)?"),
    _aspect(
        "small|little|tiny|big|large|huge|giant", {"bigger": "big", "larger": "large", "smaller": "small"},
        adjective=True,
    ),
    _aspect("red|blue|green|yellow|orange|purple|pink|white|black|brown|gr[ae]y|golden|silver", adjective=True),
)  # fmt: skip

_OPENING = re.compile(rf"^(?:{'|'.join(sorted(OPENINGS, key=len, reverse=True))})\b[\s,]*")
_NEGATION = re.compile(r"^(?:without|with no|no|not)\b")
_FILLER = re.compile(r"^(?:(?:and|to|the|a|an|it|is|be|please)\b\s*)+$|\s+please$")
_SUBJECT = re.compile(
    r"^(?:a|an|the) (?!.*\b(?:painting|drawing|sketch|photo|photograph|watercolou?r|cartoon|picture)\b)"
)
_REQUEST = re.compile(
    r"^(?:(?:please |can you )?(?:paint|draw|show|give)(?: me)? |imagine |i want |a picture of )?", re.I
)
_SUBJECT_END = re.compile(
    r"\b(?:on|in|at|by|with|under|near|through|while|during|beside|behind|over|to)\b|,|$", re.IGNORECASE
)


def _replace_subject(prompt: str, subject: str) -> str:
    """Replace the words before the first preposition."""
    begin = _subject_start(prompt)
    end = _SUBJECT_END.search(prompt, begin)
    rest = prompt[end.start() :] if end else ""
    return _squeeze(f"{prompt[:begin]}{subject} {rest}")


def _add_adjective(prompt: str, adjective: str) -> str:
    """Insert an adjective before the subject, after its article."""
    begin = _subject_start(prompt)
    article = re.match(r"(?:a|an|the)\b\s*", prompt[begin:], re.IGNORECASE)
    place = begin + (article.end() if article else 0)
    return _fix_articles(f"{prompt[:place]}{adjective} {prompt[place:]}")


def _subject_start(prompt: str) -> int:
    """Return where the subject begins, after words such as "please paint"."""
    found = _REQUEST.match(prompt)
    return found.end() if found else 0


def _fix_articles(text: str) -> str:
    """Correct "a" and "an" after a replacement."""
    return re.sub(
        r"\b(a)n?(?= ([\w]))", lambda m: m[1] + ("n" if m[2].lower() in "aeiou" else ""), text, flags=re.IGNORECASE
    )


def _normalize(sentence: str) -> str:
    words = re.sub(r"[.!?…,]+(?=\s|$)", "", sentence.lower())
    return re.sub(r"^please | please$", "", _squeeze(words))


def _squeeze(text: str) -> str:
    return re.sub(r"\s+(?=[,.])", "", " ".join(text.split())).strip(" ,")
