"""Apply one clause, such as "remove the boat" or "make the boat blue", to a prompt."""

from __future__ import annotations

import re
from collections.abc import Callable

from orchestrator.refine import changes
from orchestrator.refine.fragment import Change
from orchestrator.refine.words import DETERMINER, PREPOSITION

Rule = Callable[[re.Match[str], str], Change | None]


def refers_back(words: str) -> bool:
    """Return whether a request such as "draw a tree next to it" is about the last picture."""
    return bool(re.search(rf"\b{_NEXT_TO_IT}$", words))


def apply(clause: str, prompt: str) -> Change | None:
    """Apply a clause that says what to do: add, remove, replace, move; None for any other clause."""
    for pattern, rule in _RULES:
        found = pattern.fullmatch(clause)
        change = rule(found, prompt) if found else None
        if change:
            return change
    return None


_TAIL = (
    r"(?: too| as well| also| again|(?<!next) to it| in it| there"
    r"| (?:to|in|into|from) (?:the )?(?:picture|image|scene))*"
)
_REMOVE = (
    r"(?:remove|delete|drop|lose|erase|omit|hide|ditch|get rid of|take (?:away|out|off)|leave (?:out|off)|do away with"
    r"|without|with no|with less|no more|no|not|minus|(?:i )?(?:don't|do not) (?:want|like)"
    r"|there (?:should be|is|are) no)"
)
_ADD = (
    r"(?:add|include|insert|throw in|put in|draw in|paint in|it (?:needs|should have|could use)"
    r"|give (?:it|him|her|them|the [\w-]+)|plus"
    r"|also(?: with| add)?|and (?:also )?with|together with|along with|with(?: also)?)"
)
_MOVE = r"(?:put|move|place|set|shift|bring|take|send) (?:it|that|this|them|(?P<x>(?:the|my) [\w-]+(?: [\w-]+)?))"
_WHERE = rf"(?P<pp>(?:(?:further|more|over|back) )*(?:{PREPOSITION.pattern}|left|right|underwater).*)"
_REPLACE = r"(?:replace|swap|exchange|substitute|switch|change|turn|transform|convert) (?!it\b|that\b|this\b)"
_ALL_BUT = r"(?:remove|delete|drop|lose) everything (?:but|except(?: for)?) "
_NEXT_TO_IT = r"(?:to|behind|beside|on|in front of|under|over|near|above) it"
_PATTERNS: tuple[tuple[str, Rule], ...] = (
    (rf"(?P<only>{_ALL_BUT}|(?:keep |show )?only |nothing but )(?P<x>the [\w -]+)", changes.keep),
    (r"(?P<only>\0)?(?:keep|leave) (?:the )?(?P<x>[\w -]+?)(?: (?:as it is|the same|in))?", changes.keep),
    (r"(?:the )?(?P<y>.+) (?:instead of|rather than) (?P<x>.+)", changes.replace_thing),
    (r"instead of (?:the |a |an )?(?P<x>.+?),? (?P<y>(?:a|an|the) .+)", changes.replace_thing),
    (r"not (?P<x>.+?)(?:,? but|,) (?P<y>.+)", changes.replace_thing),
    (rf"{_REPLACE}(?P<x>.+?) (?:out )?(?:with|for|by|in to|to|into) (?P<y>.+)", changes.replace_thing),
    (rf"(?:take|leave|cut) (?P<x>.+?) (?:away|out|off){_TAIL}", changes.remove),
    (r"not (?:an?|the) (?P<x>.+?) (?P<y>an? .+)", changes.correct),
    (rf"{_REMOVE} (?P<x>.+?){_TAIL}", changes.remove),
    (rf"{_MOVE} {_WHERE}", changes.move),
    (rf"{_ADD} (?P<x>.+?){_TAIL}", changes.add),
    (rf"(?:put|place|stick) (?P<x>{DETERMINER.pattern}.+?){_TAIL}", changes.add),
    (rf"(?:draw|paint) (?P<x>(?:a|an|some) .+ {_NEXT_TO_IT})", changes.add),
    (r"(?P<y>[\w-]+(?: [\w-]+)?),? not (?P<x>.+)", changes.correct),
    (r"(?P<verb>\0)?and (?:the|its) (?P<x>.+)", changes.change_noun),
    (rf"(?:and|at) (?:also )?(?P<x>(?:a|an|the|some|two|three|another) .+?){_TAIL}", changes.also),
    (
        r"(?P<verb>make|making|paint|colou?r|turn|have|get|dye|let|change) (?:the|that|its|my|his|her)? ?(?P<x>.+)",
        changes.change_noun,
    ),
    (r"(?P<verb>\0)?(?:the|its) (?P<x>.+)", changes.change_noun),
    (r"(?:more )?(?P<x>(?:as|in|like) .+)", changes.style),
)
_RULES = tuple((re.compile(pattern), rule) for pattern, rule in _PATTERNS)
