"""The properties that a picture has once: its weather, time of day, place and side, and the phrases for them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.refine.words import PREPOSITION, any_of, squeeze

MUCH = "heavy |thick |many |more |lots of |a lot of "
LITTLE = "light |few |fewer |some |a few |thin "


@dataclass(frozen=True, kw_only=True)
class Aspect:
    """A property that a picture has once, and the phrases for it."""

    name: str
    phrase: re.Pattern[str]
    bare: dict[str, str]  # bare word -> its phrase in a prompt; "snow" in a prompt may be a place
    word: re.Pattern[str]  # a bare word

    def put(self, prompt: str, phrase: str) -> str:
        """Return the prompt with this phrase in the place of its own, or added if it has none; '' removes it."""
        if not self.phrase.search(prompt):
            return add_phrase(prompt, phrase)
        marked = self.phrase.sub(lambda _: "\0", prompt)
        return squeeze(marked.replace("\0", phrase, 1).replace("\0", ""))


def add_phrase(prompt: str, phrase: str) -> str:
    """Add a phrase at the end, but before things that were added after a comma."""
    comma = prompt.find(",")
    end = len(prompt)
    if comma >= 0 and PREPOSITION.search(prompt, 0, comma):  # "a man in the street, highly detailed"
        end = comma
    elif added := re.search(r", with(?:out)? ", prompt):
        end = added.start()
    return squeeze(f"{prompt[:end].rstrip(' .')} {phrase}{prompt[end:]}")


def _aspect(name: str, phrase: str, bare: dict[str, str]) -> Aspect:
    return Aspect(
        name=name,
        phrase=re.compile(rf"\b(?:{phrase})(?![\w-])", re.IGNORECASE),
        bare=bare,
        word=re.compile(rf"\b(?:{any_of(frozenset(bare))})(?![\w-])"),
    )


_ON = "sea|ocean|water|beach|hills?|island|field|farm|road|bridge|coast|shore|cliffs?|street|planet"
_BY = "lake|river|pond|harbou?r"
_IN = "desert|mountains?|forest|woods|jungle|city|park|garden|valley|village|town|countryside|meadow|cave|swamp|canyon"
_PLACE = f"{_ON}|{_BY}|{_IN}"
_DAYTIMES = (
    "sunrise|dawn|daybreak|morning|noon|midday|daylight|daytime|afternoon|sunset|evening|dusk|twilight|night|midnight|"
    "night ?time|stars|moonlight|sunlight|starlight"
)

WEATHER = _aspect(
    "weather",
    rf"(?:on|in|under|with|through|while it is|during) (?:an? |the )?(?:(?:falling |dark |{MUCH}|{LITTLE})?"
    r"(?:rain|clouds?|fog|mist|snowfall|raining|snowing|wind)|with snow|falling snow|storm|thunderstorm|snowstorm"
    r"|(?:clear|cloudy|blue|overcast|stormy) sky|(?:cloudy|rainy|sunny|snowy|foggy|stormy|windy) day)"
    rf"|with (?:{MUCH}|{LITTLE})?snow",
    dict.fromkeys(("raining", "rainy", "rain", "pouring", "wet"), "in the rain")
    | dict.fromkeys(("snowing", "snowy", "snow", "snowfall", "falling snow"), "with falling snow")
    | dict.fromkeys(("cloudy", "clouds", "cloud", "overcast"), "with clouds")
    | dict.fromkeys(("sunny", "clear", "clear sky", "sunshine", "cloudless"), "under a clear sky")
    | dict.fromkeys(("foggy", "fog"), "in the fog")
    | dict.fromkeys(("misty", "mist"), "in the mist")
    | dict.fromkeys(("stormy", "storm"), "in a storm")
    | {"blue sky": "under a blue sky", "thunderstorm": "in a thunderstorm", "snowstorm": "in a snowstorm"}
    | {"windy": "in the wind"},
)
TIME = _aspect(
    "time",
    rf"(?:at|in|by|under|during) (?:the |full )?(?:early |late )?(?:{_DAYTIMES})|in the middle of the (?:night|day)",
    {word: f"at {word}" for word in ("sunrise", "dawn", "noon", "midday", "sunset", "dusk", "night", "midnight")}
    | {word: f"in the {word}" for word in ("morning", "afternoon", "evening", "twilight", "middle of the night")}
    | dict.fromkeys(("daylight", "daytime", "day", "day time"), "in daylight")
    | dict.fromkeys(("nighttime", "night time", "nighttime"), "at night")
    | {"early morning": "in the early morning", "late evening": "in the late evening", "late at night": "at night"}
    | {"moonlight": "by moonlight", "starry": "under the stars", "daybreak": "at dawn"},
)
PLACE = _aspect(
    "place",
    rf"(?:on|in|by|at|near) (?:the |an? )?(?:\w+ )?(?:{_PLACE})|(?:in|on) the snow|(?:in|into) (?:outer )?space"
    r"|on (?:the moon|mars)|under ?water",
    {"underwater": "underwater", "outer space": "in space"},
)
SEASON = _aspect(
    "season",
    r"(?:in|during) (?:the )?(?:winter|spring|summer|autumn|fall)(?: ?time)?",
    {
        f"{word}{end}": f"in {word}"
        for word in ("winter", "spring", "summer", "autumn")
        for end in ("", " time", "time")
    },
)
SIDE = _aspect(
    "side",
    r"(?:on|to|at|in) the (?:far )?(?:left|right|middle|center|centre)(?! of)(?: side)?",
    {"left": "on the left", "right": "on the right", "middle": "in the middle"}
    | dict.fromkeys(("center", "centre", "centered", "centred"), "in the middle"),
)
ASPECTS = (WEATHER, TIME, SEASON, PLACE, SIDE)

_CLEAR = frozenset({"in the rain", "with clouds", "with falling snow", "in the fog", "in the mist", "in a storm"})
_AMOUNTS = {  # a bare word's phrase -> the same weather with less of it, and with more
    "in the rain": ("in light rain", "in heavy rain"),
    "with falling snow": ("with light snowfall", "with heavy snowfall"),
    "with clouds": ("with few clouds", "with many clouds"),
    "in the fog": ("in light fog", "in thick fog"),
    "in the mist": ("in light mist", "in thick mist"),
}


def bare_phrase(text: str) -> tuple[Aspect, str] | None:
    """Return the aspect that words such as "night", "a rainy day" or "the desert" name, and its phrase."""
    word = re.sub(r"^(?:(?:a|an|the|some|any) )+", "", text)
    if word not in TIME.bare:
        word = re.sub(r" (?:day|weather)$", "", word)
    return next(((each, each.bare[word]) for each in ASPECTS if word in each.bare), None)


def place_phrase(text: str) -> str:
    """Return "in the desert" for "the desert", and '' for what is no place."""
    found = re.fullmatch(rf"(?:(the|an?) )?((?:\w+ )?)(?:(snow|{_ON})|({_BY})|({_IN})|space)", text)
    if not found:
        return ""
    where = "on" if found[3] and found[3] != "snow" else "by" if found[4] else "in"
    return f"{where} {text}" if found[1] or text == "space" else f"{where} the {text}"


def amount(text: str, *, more: bool) -> tuple[Aspect, str] | None:
    """Return the phrase for more or less of a weather."""
    found = bare_phrase(text)
    if not found or found[1] not in _AMOUNTS:
        return None
    return WEATHER, _AMOUNTS[found[1]][more]


def without(prompt: str, text: str) -> str | None:
    """Return the prompt without a weather or another aspect; None for a word that is no aspect of it."""
    found = bare_phrase(text)
    place = PLACE.phrase.search(prompt)
    if place and place[0].lower().endswith(f" {text}"):
        return PLACE.put(prompt, "")
    if not found:
        return None
    if found[0] is not WEATHER or _has_weather(prompt, found[1]):
        return found[0].put(prompt, "") if found[0].phrase.search(prompt) else None
    clears = found[1] in _CLEAR and not WEATHER.phrase.search(prompt)
    return WEATHER.put(prompt, "under a clear sky") if clears else None


def _has_weather(prompt: str, phrase: str) -> bool:
    """Return whether the prompt names this weather."""
    stem = re.sub(r"ing$|fall$|s$", "", phrase.rpartition(" ")[2])
    said = WEATHER.phrase.search(prompt)
    return bool(said and stem in said[0])
