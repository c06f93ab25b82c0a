"""The words that refining knows: adjectives, nouns, prepositions and determiners."""

from __future__ import annotations

import re

TONES = ("pale", "dark", "light", "bright", "deep", "vivid")
COLOURS = (
    "red", "blue", "green", "yellow", "orange", "purple", "pink", "white", "black", "brown", "grey", "gray", "golden",
    "gold", "silver", "turquoise", "violet", "beige", "crimson", "teal",
)  # fmt: skip
SIZES = ("small", "little", "tiny", "big", "large", "huge", "giant", "enormous", "massive", "gigantic")
# A picture's noun has at most one adjective of each group.
GROUPS: tuple[tuple[str, ...], ...] = (
    SIZES,
    COLOURS,
    TONES,
    ("old", "young", "new", "ancient", "modern"),
    ("tall", "short", "long"),
    ("happy", "sad", "angry", "friendly", "scary", "cute"),
    ("thick", "thin", "wide", "narrow", "fat"),
    ("smooth", "rough"),
    ("warm", "cold", "hot"),
    ("wooden", "stone", "metal", "glass"),
)
GROUPED = frozenset(word for group in GROUPS for word in group)
OPPOSITES = {
    "big": "small", "large": "small", "huge": "small", "giant": "small", "small": "big", "little": "big", "tiny": "big",
    "old": "young", "young": "old", "new": "old", "dark": "bright", "bright": "dark", "light": "dark", "pale": "bright",
    "tall": "short", "short": "tall", "long": "short", "happy": "sad", "sad": "happy", "thick": "thin", "fat": "thin",
    "thin": "thick", "wide": "narrow", "narrow": "wide", "scary": "friendly", "warm": "cold", "cold": "warm",
}  # fmt: skip
ADJECTIVES = GROUPED | {
    "beautiful", "pretty", "ugly", "nice", "simple", "shiny", "colourful", "colorful", "round", "square", "soft",
    "spooky", "funny", "lonely", "broken", "empty", "elegant", "realistic", "wild", "calm", "furry", "fluffy",
    "striped",
}  # fmt: skip
ADJECTIVE_ENDINGS = ("ful", "ous", "ish", "ive", "less", "able", "tic", "y")
# What people draw most: these words are nouns where the hearer lost their article ("make it castle").
NOUNS = frozenset({
    "sailboat", "boat", "ship", "house", "tree", "balloon", "lighthouse", "castle", "rocket", "car", "bird", "cat",
    "fish", "flower", "moon", "dragon", "dog", "horse", "truck", "bus", "train", "bike", "bicycle", "plane", "airplane",
    "helicopter", "bridge", "tower", "church", "cottage", "cabin", "hut", "barn", "windmill", "robot", "man", "woman",
    "boy", "girl", "child", "person", "king", "queen", "knight", "wizard", "witch", "princess", "unicorn", "cow",
    "sheep", "pig", "rabbit", "fox", "wolf", "bear", "lion", "tiger", "elephant", "owl", "duck", "whale", "dolphin",
    "shark", "butterfly", "rose", "apple", "cake", "chair", "table", "lamp", "book", "clock", "star", "sun", "cloud",
    "rainbow", "mountain", "island", "spaceship", "ufo", "snowman", "mushroom", "guitar", "piano", "bottle", "cup",
    "city", "village", "palace", "temple", "statue", "fountain", "tent", "canoe", "submarine", "tractor", "motorcycle",
    "monster", "dinosaur", "skeleton", "ghost", "pirate", "angel", "fairy", "mouse", "frog", "turtle", "snake",
    "penguin", "monkey", "bee", "kite", "umbrella", "hat", "flag", "door", "window", "roof", "fence", "rock", "bench",
})  # fmt: skip
SYNONYMS = {"ship": "boat", "ocean": "sea", "lake": "water", "kitten": "cat", "puppy": "dog", "woods": "forest"}
GENERIC = frozenset({"thing", "one", "subject", "object", "picture", "image", "scene", "it"})  # the whole picture
STYLES = (
    "painting", "drawing", "sketch", "photo", "photograph", "watercolor", "watercolour", "cartoon", "picture", "style",
    "oil", "pencil", "ink", "crayon", "anime", "comic", "render", "poster", "black and white", "pixel art",
)  # fmt: skip
HOMOPHONES = {"knight": "night", "knights": "night", "blew": "blue", "read": "red", "grean": "green", "wight": "white"}

MASS = frozenset({
    "lightning", "snow", "rain", "grass", "sand", "smoke", "fire", "water", "ice", "light", "sunshine", "sunlight",
    "fog", "wind", "hair", "fur", "stars", "moonlight",
})  # fmt: skip

DETERMINERS = (
    "a", "an", "the", "some", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "many",
    "several", "my", "his", "her", "our", "their", "this", "that", "another", "no",
    "its", "your", "these", "those", "all",
)  # fmt: skip
PREPOSITIONS = (
    "in front of", "on top of", "next to", "on", "in", "at", "by", "with", "under", "near", "through", "while",
    "during", "beside", "behind", "over", "to", "above", "below", "into", "inside", "between", "against", "around",
    "without", "across", "underneath", "like", "as",
)  # fmt: skip


def any_of(words: tuple[str, ...] | frozenset[str]) -> str:
    """Return a pattern that matches any of these words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def comparatives() -> dict[str, str]:
    """Return "bigger" -> "big" for every short adjective that refining knows."""
    found: dict[str, str] = {}
    for word in ADJECTIVES:
        stem = word[:-1] if word.endswith(("e", "y")) else word
        doubled = word + word[-1]
        endings = ("ier", "iest") if word.endswith("y") else ("er", "est")
        found |= {start + ending: word for start in (stem, doubled) for ending in endings}
    return found


COMPARATIVES = comparatives()
COLOUR = rf"(?:(?:{any_of(TONES)}) )?(?:{any_of(COLOURS)})(?: and (?:{any_of(COLOURS)}))*"
DETERMINER = re.compile(rf"(?:{any_of(DETERMINERS)})\b\s*", re.IGNORECASE)
PREPOSITION = re.compile(rf"\b(?:{any_of(PREPOSITIONS)})\b(?!-)", re.IGNORECASE)
STYLE = re.compile(rf"\b(?:{any_of(STYLES)})\b")


def adjective(word: str) -> str:
    """Return a word's plain adjective, such as "big" for "bigger"; '' if it is none."""
    if word in ADJECTIVES or re.fullmatch(COLOUR, word):
        return word
    if word in COMPARATIVES:
        return COMPARATIVES[word]
    return word if len(word) > 4 and word.endswith(ADJECTIVE_ENDINGS) and word not in NOUNS else ""


def with_article(noun: str) -> str:
    """Put "a" or "an" before a noun phrase that has no determiner and is not a plural."""
    plural = noun.endswith("s") and not noun.endswith(("ss", "us")) and noun.rpartition(" ")[2] not in NOUNS
    if plural or noun.rpartition(" ")[2] in MASS or DETERMINER.match(noun):
        return noun
    return fix_articles(f"a {noun}")


def fix_articles(text: str) -> str:
    """Correct "a" and "an" by the word after it."""
    return re.sub(r"\b(a)n?(?= (\w+))", lambda m: m[1] + ("n" if _vowel(m[2].lower()) else ""), text, flags=re.I)


def _vowel(word: str) -> bool:
    if word.startswith(("uni", "use", "euro", "one", "ufo")):
        return False
    return word[0] in "aeiou" or word.startswith(("hour", "honest"))


def squeeze(text: str) -> str:
    """Remove superfluous spaces and commas."""
    return re.sub(r"(?:, ?)+(?=,)| (?=[,.])", "", " ".join(text.split())).strip(" ,")
