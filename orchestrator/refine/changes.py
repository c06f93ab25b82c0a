"""Add, remove, replace and move things: what each kind of clause does to a prompt."""

from __future__ import annotations

import re

from orchestrator.refine import aspects, fragment
from orchestrator.refine import prompt as editing
from orchestrator.refine.aspects import TIME, WEATHER
from orchestrator.refine.fragment import Change
from orchestrator.refine.words import (
    ADJECTIVES,
    COLOUR,
    DETERMINER,
    NOUNS,
    PREPOSITION,
    STYLE,
    adjective,
    squeeze,
    with_article,
)

_THE = re.compile(r"^(?:(?:all|any|the|that|this|these|those|its|of|a|an|some|my) )+")
_LOOKS = re.compile(
    r"^(?:(?:should|has to|must|needs to|could|can) )?(?:be|look|is|are|was|were|into|in ?to|to be|to)\b ?"
)
_PROPERTY = re.compile(
    r"(?:the |its )?(?:colou?r|time(?: of day)?|weather|place|location|background|setting|scene|sky|size|season|subject"
    r"|scenery|landscape)(?: of (?:it|the (?:picture|image|scene)))?"
)


def remove(found: re.Match[str], prompt: str) -> Change | None:
    """Remove things, or say that they are not wanted; None where "no" means something else."""
    doubts = []
    soft = found[0].startswith(("no ", "not "))
    for each in re.split(r" and | or |, ", found["x"]):
        thing = _THE.sub("", each)
        if soft and not _mentions(prompt, thing):
            return None
        changed = _without(prompt, thing)
        if changed is None:
            doubts.append(f'there is no "{thing}" in "{prompt}"')
            changed = editing.add(prompt, f"without {each}")
        prompt = changed
    return Change(prompt=prompt, doubt="; ".join(doubts)) if prompt else None


def keep(found: re.Match[str], prompt: str) -> Change | None:
    """Change nothing for "keep the boat"; keep only the subject for "only the boat"."""
    noun = editing.find_noun(prompt, found["x"])
    begin, end = editing.subject(prompt)
    if not noun or not found["only"]:
        return Change(prompt=prompt) if noun else None
    return Change(prompt=prompt[:end].strip()) if begin <= noun[0] < end else None


def _mentions(prompt: str, thing: str) -> bool:
    """Return whether a thing that "no" precedes can be removed: "no clouds", but not "no purple"."""
    found = aspects.bare_phrase(thing)
    if found:
        return found[0] is WEATHER or bool(found[0].phrase.search(prompt) and thing in prompt.lower())
    return editing.has_adjective(prompt, thing) or editing.find_noun(prompt, thing) is not None


def _without(prompt: str, thing: str) -> str | None:
    """Return the prompt without a thing; None where the prompt does not have it, '' where nothing would be left."""
    changed = aspects.without(prompt, thing)
    if changed is None and (adjective(thing) or thing in ("colour", "color", "colours", "colors")):
        changed = editing.drop_adjective(prompt, thing)
    if changed is None:
        noun = editing.find_noun(prompt, thing) if thing and not adjective(thing) else None
        changed = editing.remove_noun(prompt, noun) if noun else None
    return changed


def add(found: re.Match[str], prompt: str) -> Change | None:
    """Add a thing, or a weather."""
    thing = found["x"]
    if found[0].startswith("with ") and WEATHER.phrase.fullmatch(f"with {thing}"):
        return Change(prompt=WEATHER.put(prompt, f"with {thing}"))
    more = re.fullmatch(r"(?:some )?(more|less|fewer) ([\w-]+)", thing)
    weather = aspects.amount(more[2], more=more[1] == "more") if more else None
    bare = weather or aspects.bare_phrase(re.sub(r"^(?:more|(?:a )?(?:little|bit of|lot of|lots of)) ", "", thing))
    if bare:
        return Change(prompt=bare[0].put(prompt, bare[1]))
    if WEATHER.phrase.fullmatch(f"with {thing}"):
        return Change(prompt=WEATHER.put(prompt, f"with {thing}"))
    if adjective(_THE.sub("", thing)):
        return Change(prompt=editing.set_adjective(prompt, adjective(_THE.sub("", thing))))
    time = TIME.phrase.search(thing)
    if time:
        prompt = TIME.put(prompt, time[0])
        thing = squeeze(f"{thing[: time.start()]} {thing[time.end() :]}")
    return Change(prompt=editing.add(prompt, f"with {with_article(thing)}")) if thing else Change(prompt=prompt)


def also(found: re.Match[str], prompt: str) -> Change | None:
    """Add what follows "and", and what a hearer wrote "at a moon" for."""
    noun = found["x"].split()[-1]
    return None if found[0].startswith("at ") and (noun not in NOUNS or noun in "castle city") else add(found, prompt)


def move(found: re.Match[str], prompt: str) -> Change | None:
    """Put the picture, or a thing, somewhere else."""
    thing, where = found["x"] or "it", re.sub(r"^(?:further |more )?(?:over |back )?", "", found["pp"])
    noun = editing.find_noun(prompt, _THE.sub("", thing))
    if not noun:
        return Change(prompt=editing.add(prompt, f"with {thing} {where}"))
    change = fragment.apply(where, prompt, opened=False)
    unknown = re.fullmatch(r"(?:in)?to (.+)", where) if change.left else None
    if unknown:
        return Change(prompt=editing.set_place(prompt, f"in {unknown[1]}"))
    return Change(prompt=editing.add(prompt, where)) if change.left else change


def replace_thing(found: re.Match[str], prompt: str) -> Change | None:
    """Replace a thing, a colour, or a property such as the weather."""
    old, new = _THE.sub("", found["x"]), re.sub(r"^(?:be|look) ", "", found["y"])
    if _PROPERTY.fullmatch(old):
        place = aspects.place_phrase(new)
        change = fragment.apply(place or new, prompt, opened=True)
        return Change(prompt=editing.add(prompt, change.left)) if change.left else change
    of = re.fullmatch(r"colou?r of (?:the )?(.+)", old)
    noun = editing.find_noun(prompt, of[1] if of else old)
    plain = adjective(_THE.sub("", new))
    if plain and (noun or adjective(old)):
        return Change(prompt=editing.set_adjective(prompt, plain, noun if not adjective(old) else None))
    bare = aspects.bare_phrase(new)
    if bare and aspects.bare_phrase(old):
        return Change(prompt=bare[0].put(prompt, bare[1]))
    if noun:
        return Change(prompt=editing.replace_noun(prompt, noun, with_article(new)))
    return Change(prompt=editing.set_subject(prompt, with_article(new)), doubt=f'there is no "{old}" in "{prompt}"')


def correct(found: re.Match[str], prompt: str) -> Change | None:
    """Replace one thing with another: "a castle, not a boat"; None where the prompt does not have it."""
    new, old = _THE.sub("", found["y"]), _THE.sub("", found["x"])
    if adjective(new) and adjective(old):
        return Change(prompt=editing.set_adjective(prompt, adjective(new)))
    noun = editing.find_noun(prompt, old)
    return replace_thing(found, prompt) if noun else None


def change_noun(found: re.Match[str], prompt: str) -> Change | None:
    """Change one noun: "make the boat blue", "the boat should be bigger"."""
    words = found["x"].split()
    end = _end_of_noun(words, prompt)
    rest = _LOOKS.sub("", " ".join(words[end:]))
    rest = re.sub(r"^(?:a bit|a little|much|very|more|really) ", "", rest)
    noun = editing.find_noun(prompt, words[end - 1]) if end else None
    firm = found["verb"] is not None
    coloured = all(map(adjective, rest.split()))
    if not rest or not end or not (noun or (firm and coloured)):
        return None
    if not noun:
        name = " ".join(words[:end])
        thing = with_article(f"{rest} {name}")
        return Change(prompt=editing.add(prompt, f"with {thing}"), doubt=f'there is no "{name}" in "{prompt}"')
    return _change_noun(rest, prompt, noun, words[end - 1], firm=firm)


def _change_noun(rest: str, prompt: str, noun: editing.Span, name: str, *, firm: bool) -> Change | None:
    bare = aspects.bare_phrase(rest)
    if bare and aspects.bare_phrase(name):
        return Change(prompt=bare[0].put(prompt, bare[1]))
    if re.fullmatch(COLOUR, rest):
        return Change(prompt=editing.set_adjective(prompt, rest, noun))
    words = [each for each in rest.split() if each not in ("and", "a", "bit", "but", "also", "much")]
    plain = [adjective(each) for each in words]
    less = re.fullmatch(r"(?:less|not so|not as|too) ([\w-]+)", rest)
    if all(plain):
        for each in plain:
            prompt = editing.set_adjective(prompt, each, editing.find_noun(prompt, name) or noun)
        return Change(prompt=prompt)
    if firm and DETERMINER.match(rest):
        return Change(prompt=editing.replace_noun(prompt, noun, rest))
    if less or PREPOSITION.match(rest) or aspects.bare_phrase(rest):
        change = fragment.apply(rest, prompt, opened=False)
        return Change(prompt=editing.add(prompt, change.left)) if change.left else change
    if firm and len(words) == 1 and words[0] in NOUNS:
        return Change(prompt=editing.replace_noun(prompt, noun, with_article(words[0])))
    return Change(prompt=editing.add(prompt, f"the {name} {rest}")) if firm else None


def _end_of_noun(words: list[str], prompt: str) -> int:
    """Return how many of the words name the noun: 2 of "red sailboat blue"."""
    end = 0
    for number, word in enumerate(words[:4], 1):
        if word not in ADJECTIVES and editing.find_noun(prompt, word) and not PREPOSITION.fullmatch(word):
            end = number
        elif end:
            return end
    if end:
        return end
    stops = (n for n, word in enumerate(words) if n and (adjective(word) or PREPOSITION.match(word) or word == "be"))
    return next(stops, 0)


def style(found: re.Match[str], prompt: str) -> Change | None:
    """Add a style, such as "as a watercolour"."""
    return Change(prompt=editing.add(prompt, found["x"])) if STYLE.search(found["x"]) else None
