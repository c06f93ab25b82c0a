"""Edit a prompt: its subject, the adjectives of a noun, things added and removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from orchestrator.refine.aspects import ASPECTS
from orchestrator.refine.words import (
    COLOUR,
    COLOURS,
    DETERMINER,
    GENERIC,
    GROUPS,
    NOUNS,
    PREPOSITION,
    SIZES,
    STYLE,
    SYNONYMS,
    TONES,
    adjective,
    any_of,
    fix_articles,
    squeeze,
)

Span = tuple[int, int]
_REQUEST = re.compile(
    r"(?:please )?(?:(?:can|could|will) you )?(?:please )?"
    r"(?:(?:paint|draw|show|give|make|create|generate)(?: me| us)? |imagine |i (?:want|would like) |let me see )?"
    r"(?:please )?(?:(?:an? |the )?(?:\w+ )?(?:picture|painting|drawing|photo|photograph|sketch|image) of )?",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w'-]+")
_FIRST_COLOUR = re.compile(rf"\b(?:{COLOUR})\b", re.IGNORECASE)
_GENERIC_PLACE = re.compile(r"(?:in|on|at|by|near) (?:the )?(?!(?:an?|fire|time|top)\b)\w+", re.IGNORECASE)
_PIECE = re.compile(rf",|{PREPOSITION.pattern}", re.IGNORECASE)


def subject(prompt: str) -> Span:
    """Return where the subject is: between words such as "please paint" and the first preposition or comma."""
    asked = _REQUEST.match(prompt)
    begin = asked.end() if asked else 0
    end = _PIECE.search(prompt, begin)
    return begin, end.start() if end else len(prompt)


def set_subject(prompt: str, phrase: str) -> str:
    """Replace the subject."""
    begin, end = subject(prompt)
    return fix_articles(squeeze(f"{prompt[:begin]}{phrase} {prompt[end:]}"))


def find_noun(prompt: str, noun: str) -> Span | None:
    """Return where a noun is in the prompt, also "boat" in "sailboat"; None if it is not there."""
    head = noun.rpartition(" ")[2]
    begin, end = subject(prompt)
    if head in GENERIC:
        end = prompt.find(" and ", begin, end) if " and " in prompt[begin:end] else end
        words = list(_WORD.finditer(prompt, begin, end))
        return words[-1].span() if words else None
    if not head or DETERMINER.fullmatch(head) or PREPOSITION.fullmatch(head):
        return None
    words = list(_WORD.finditer(prompt, begin))
    for wanted in dict.fromkeys((head, SYNONYMS.get(head, head))):
        for matches in (_same, _ends):
            found = next((word.span() for word in words if matches(word[0].lower(), wanted)), None)
            if found:
                return found
    return None


def adjectives(prompt: str, noun: Span) -> Span:
    """Return where the adjectives of a noun may be: from its determiner to the end of the noun."""
    begin, end = subject(prompt)
    if begin <= noun[0] and noun[1] <= end and " and " not in prompt[begin:end]:
        determiner = DETERMINER.match(prompt, begin, end)
        return determiner.end() if determiner else begin, end
    start = noun[0]
    for word in list(_WORD.finditer(prompt, begin if begin <= noun[0] else 0, noun[0]))[:-6:-1]:
        stops = DETERMINER.match(f"{word[0]} ") or PREPOSITION.fullmatch(word[0]) or word[0] == "and"
        if stops or "," in prompt[word.end() : start]:
            break
        start = word.start()
    return start, noun[1]


def set_adjective(prompt: str, word: str, noun: Span | None = None) -> str:
    """Give a noun an adjective, in place of its adjective of the same group; without `noun`, the subject gets it."""
    begin, end = adjectives(prompt, noun or find_noun(prompt, "one") or subject(prompt))
    region = prompt[begin:end]
    first = _FIRST_COLOUR.search(region)
    if word in TONES and first:
        plain = re.sub(rf"^(?:{any_of(TONES)}) ", "", first[0], flags=re.IGNORECASE)
        changed = f"{region[: first.start()]}{word} {plain}{region[first.end() :]}"
    elif re.fullmatch(COLOUR, word) and word not in TONES and first:
        changed = region[: first.start()] + word + region[first.end() :]
    else:
        changed = _put_adjective(region, word)
    return fix_articles(squeeze(prompt[:begin] + changed + prompt[end:]))


def drop_adjective(prompt: str, word: str) -> str | None:
    """Remove an adjective of the subject, or its colour if the word is "colour"; None if it has none."""
    begin, end = adjectives(prompt, find_noun(prompt, "one") or subject(prompt))
    pattern = COLOUR if word in ("colour", "color", "colours", "colors") else re.escape(word)
    changed, count = re.subn(rf"\b(?:{pattern})\b", "", prompt[begin:end], count=1, flags=re.IGNORECASE)
    return fix_articles(squeeze(prompt[:begin] + changed + prompt[end:])) if count else None


def has_adjective(prompt: str, word: str) -> bool:
    """Return whether the subject has this adjective."""
    return drop_adjective(prompt, word) is not None


def add(prompt: str, phrase: str) -> str:
    """Add a phrase after a comma, once."""
    parts = prompt.rstrip(" .")
    return prompt if phrase in [each.strip() for each in prompt.split(",")] else squeeze(f"{parts}, {phrase}")


def replace_noun(prompt: str, noun: Span, phrase: str) -> str:
    """Replace a noun with its adjectives and its determiner."""
    begin, end = subject(prompt)
    if begin <= noun[0] and noun[1] <= end and " and " not in prompt[begin:end]:
        return set_subject(prompt, phrase)
    start, stop = adjectives(prompt, noun)
    before = re.search(r"\b(?:a|an|the|some|my|one|two|three)\s+$", prompt[:start], re.IGNORECASE)
    return fix_articles(squeeze(f"{prompt[: before.start() if before else start]}{phrase}{prompt[stop:]}"))


def remove_noun(prompt: str, noun: Span) -> str:
    """Remove a noun and the phrase around it; '' if nothing is left."""
    begin, end = subject(prompt)
    if begin <= noun[0] < end:
        kept = _without_conjunct(prompt, (begin, end), noun)
        return squeeze(prompt[:begin] + kept + " " + prompt[end:]) if kept else _without_subject(prompt, begin, end)
    pieces = list(_pieces(prompt, end))
    number = max(i for i, (first, _) in enumerate(pieces) if first <= noun[0])
    start, stop = pieces[number]
    kept = _without_conjunct(prompt, (start, stop), noun)
    if not kept and prompt[start] == ",":  # what was added with it goes with it: ", with a bird in the sky"
        for following, after in pieces[number + 1 :]:
            if prompt[following] == "," or any(each.phrase.match(prompt, following) for each in ASPECTS):
                break
            stop = after
    return squeeze(f"{prompt[:start]}{kept} {prompt[stop:]}")


def set_place(prompt: str, phrase: str) -> str:
    """Replace a place that no list knows, such as "in the harbour", or add it."""
    place = next(each for each in ASPECTS if each.name == "place")
    if place.phrase.search(prompt):
        return place.put(prompt, phrase)
    for start, stop in _pieces(prompt, subject(prompt)[1]):
        known = any(each.phrase.match(prompt, start) for each in ASPECTS) or STYLE.search(prompt[start:stop].lower())
        if _GENERIC_PLACE.match(prompt, start, stop) and not known and not _colour_only(prompt[start:stop]):
            return squeeze(f"{prompt[:start]}{phrase} {prompt[stop:]}")
    return place.put(prompt, phrase)


def is_place(phrase: str) -> bool:
    """Return whether a phrase such as "in paris" may be a place."""
    return bool(_GENERIC_PLACE.match(phrase)) and not _colour_only(phrase) and not STYLE.search(phrase)


def _colour_only(phrase: str) -> bool:
    return bool(re.fullmatch(rf"\w+ (?:{COLOUR})\s*", phrase, re.IGNORECASE))


def _same(word: str, noun: str) -> bool:
    return noun in (word, f"{word}s", f"{word}es") or word in (f"{noun}s", f"{noun}es")


def _ends(word: str, noun: str) -> bool:
    return len(noun) > 2 and len(word) > len(noun) + 1 and word.endswith((noun, f"{noun}s")) and noun in NOUNS


def _put_adjective(region: str, word: str) -> str:
    group = next((group for group in GROUPS if word in group), (word,))
    same = re.search(rf"\b(?:{any_of(group)})\b", region, re.IGNORECASE)
    if same:
        return region[: same.start()] + word + region[same.end() :]
    place, words = 0, list(_WORD.finditer(region))
    for each in words[:-1]:
        leads = each[0].lower() in SIZES or (word in COLOURS and adjective(each[0].lower()))
        if word in SIZES or not leads:
            break
        place = each.end() + 1
    return f"{region[:place]}{word} {region[place:]}"


def _pieces(prompt: str, begin: int) -> Iterator[Span]:
    """Yield the phrases after the subject; each begins with a comma or a preposition."""
    starts: list[int] = []
    for match in _PIECE.finditer(prompt, begin):
        if not starts or prompt[starts[-1] : match.start()].strip() != ",":
            starts.append(match.start())
    yield from pairwise([*starts, len(prompt)])


def _without_conjunct(prompt: str, span: Span, noun: Span) -> str:
    """Return a phrase such as "a house and a tree" without one of its nouns; '' if it has no other."""
    start, stop = span
    parts = prompt[start:stop].split(" and ")
    if len(parts) < 2:
        return ""
    number = prompt[start : noun[0]].count(" and ")
    lead = re.match(r",? ?(?:with(?:out)? )?", parts[0])
    parts[0] = parts[0][lead.end() if lead else 0 :]
    del parts[number]
    return (lead[0] if lead else "") + " and ".join(parts)


def _without_subject(prompt: str, begin: int, end: int) -> str:
    rest = prompt[end:].lstrip(" ,")
    first = PREPOSITION.match(rest)
    return squeeze(prompt[:begin] + rest[first.end() if first else 0 :]) if rest else ""
