"""Apply words that say how the picture is to be: "night", "a blue castle", "bigger and in the rain"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.refine import aspects
from orchestrator.refine import prompt as editing
from orchestrator.refine.aspects import ASPECTS, PLACE, SIDE
from orchestrator.refine.words import (
    COLOUR,
    DETERMINER,
    GROUPED,
    HOMOPHONES,
    NOUNS,
    OPPOSITES,
    PREPOSITION,
    STYLE,
    adjective,
    squeeze,
    with_article,
)

_LINKS = frozenset({
    "and", "or", "but", "also", "then", "it", "is", "it's", "its", "be", "to", "of", "in", "with", "a", "an",
    "the", "very", "much", "more", "really", "quite", "even", "slightly", "bit", "way", "far", "further",
    "over", "lot", "so", "too", "again", "now", "look", "looks", "please",
})  # fmt: skip
_DEGREE = re.compile(
    r"\b(?:(less|fewer|too|not (?:so|as|that|quite so|quite as)(?: much)?)|(more))\b (?:much |many |of )?([\w-]+)\b"
)
_SLIGHTLY = re.compile(r"\b(?:a )?(?:tiny bit|little bit|little|bit|lot|tad|touch) (?=\w+er\b|more\b|less\b|to the\b)")
_COLOURED_ONE = re.compile(r"(?:a|an|the|in) ((?:[\w-]+ )*?[\w-]+)(?: (?:one|colou?r|shade))?")
_TO = re.compile(r"^(?:in)?to (?=\S)")


@dataclass(frozen=True, kw_only=True)
class Change:
    """A changed prompt."""

    prompt: str
    doubt: str = ""
    left: str = ""  # words that found no place


def apply(text: str, prompt: str, *, opened: bool) -> Change:
    """Apply words that follow "make it" or "now"; `opened` says whether such words were there."""
    text = HOMOPHONES.get(text, _SLIGHTLY.sub("", text))
    whole = _whole(text, prompt) if opened or not DETERMINER.match(text) else None
    if whole is not None:
        return Change(prompt=whole)
    for each in ASPECTS:
        found = each.phrase.search(text)
        if found and not _inside_style(text, found.start()):
            prompt = each.put(prompt, _side(found[0]) if each is SIDE else found[0])
            text = squeeze(f"{text[: found.start()]} {text[found.end() :]}")
    text = re.sub(r"^(?:and|but|also|then|so) |(?: and| but)$", "", text)
    if not text or all(word in _LINKS for word in text.split()):
        return Change(prompt=prompt)
    coloured = _adjectives_of_one(text)
    if not coloured and STYLE.search(text) and not re.fullmatch(COLOUR, text):
        return Change(prompt=editing.add(prompt, text)) if opened else Change(prompt=prompt, left=text)
    if not coloured and not opened and DETERMINER.match(text):
        return Change(prompt=prompt, left=text)
    if not coloured and opened and DETERMINER.match(text) and not text.endswith(("color", "colour")):
        return Change(prompt=_new_subject(prompt, text))
    return _words(coloured or text, prompt, opened=opened)


def _whole(text: str, prompt: str) -> str | None:
    """Return the prompt with one aspect that the whole text names; None if it names none."""
    plain = _TO.sub("", text)
    for each in ASPECTS:
        if each.phrase.fullmatch(text):
            return each.put(prompt, _side(text) if each is SIDE else text)
    found = aspects.bare_phrase(plain)
    if found:
        return found[0].put(prompt, found[1])
    several = [aspects.bare_phrase(word) for word in re.sub(r"^(?:an?|the) ", "", text).split()]
    if all(several) and several:
        for named in several:
            prompt = named[0].put(prompt, named[1]) if named else prompt
        return prompt
    place = aspects.place_phrase(plain) if plain != text else ""
    if place:
        return PLACE.put(prompt, place)
    if PREPOSITION.match(text) and editing.is_place(text) and len(text.split()) < 5:
        return editing.set_place(prompt, text)
    return None


def _new_subject(prompt: str, text: str) -> str:
    """Replace the subject; a place that follows the new one replaces the place."""
    later = PREPOSITION.search(text)
    if later and editing.is_place(text[later.start() :]) and not PREPOSITION.search(text, later.end()):
        prompt, text = editing.set_place(prompt, text[later.start() :]), text[: later.start()].strip()
    return editing.set_subject(prompt, text)


def _words(text: str, prompt: str, *, opened: bool) -> Change:
    """Apply single words: adjectives, comparatives, and words such as "night"."""
    changed, rest = _degrees(text, prompt)
    together = re.match(rf"(?:{COLOUR})$", rest)
    words = [rest] if together else rest.split()
    left: list[str] = []
    for word in words:
        bare = aspects.bare_phrase(word)
        plain = adjective(word)
        if bare:
            changed = bare[0].put(changed, bare[1])
        elif plain and (opened or plain in GROUPED or plain != word or together):
            changed = editing.set_adjective(changed, plain)
        elif word not in _LINKS:
            left.append(word)
    if not left:
        return Change(prompt=changed)
    named = rest if PREPOSITION.match(rest) else ""
    if opened and not named and left == [rest] and editing.find_noun(prompt, rest):
        return Change(prompt=changed)  # "the same boat at night"
    if opened and not named and left[-1] in NOUNS | {f"{each}s" for each in NOUNS} and words[-1] == left[-1]:
        return Change(prompt=editing.set_subject(prompt, with_article(rest)))
    return Change(prompt=prompt, left=text)


def _degrees(text: str, prompt: str) -> tuple[str, str]:
    """Apply "less red", "too big", "more rain"; return the prompt and the words that are left."""
    for match in list(_DEGREE.finditer(text))[::-1]:
        changed = _degree(prompt, match[3], more=bool(match[2]))
        if changed is not None:
            prompt = changed
            text = squeeze(f"{text[: match.start()]} {text[match.end() :]}")
    return prompt, text


def _degree(prompt: str, word: str, *, more: bool) -> str | None:
    plain, weather = adjective(word), aspects.amount(word, more=more)
    if weather:
        return weather[0].put(prompt, weather[1])
    if plain and re.fullmatch(COLOUR, plain):
        if more or editing.has_adjective(prompt, plain):
            return editing.set_adjective(prompt, f"{'bright' if more else 'pale'} {plain}")
        return None
    if more:
        return editing.set_adjective(prompt, plain) if plain else None
    if plain in OPPOSITES:
        return editing.set_adjective(prompt, OPPOSITES[plain])
    return editing.drop_adjective(prompt, plain) if plain else None


def _adjectives_of_one(text: str) -> str:
    """Return the adjectives of "a pink one", "in blue", "a bit bigger"; '' for another phrase."""
    found = _COLOURED_ONE.fullmatch(text)
    words = [each for each in found[1].split() if each == "more" or each not in _LINKS] if found else []
    ends = re.search(r" (?:one|colou?r|shade)$", text) or text.startswith(("in ", "a bit ", "a little ", "a lot "))
    last = bool(words) and (words[-1] in text.split()[-2:])
    return " ".join(words) if found and ends and last and all(map(adjective, words)) else ""


def _side(phrase: str) -> str:
    """Return "on the left" for "to the left"."""
    found = aspects.bare_phrase(re.sub(r"^\w+ the (?:far )?(\w+).*", r"\1", phrase))
    return found[1] if found else phrase


def _inside_style(text: str, start: int) -> bool:
    """Return whether a phrase belongs to a style: "a painting in the style of the night watch"."""
    return "style of" in text[:start]
