"""Take a sentence apart: its words, what is only polite, what opens a change, and its clauses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.refine.aspects import ASPECTS
from orchestrator.refine.words import COLOURS, COMPARATIVES, SIZES, any_of

MOST_WORDS = 60  # a longer sentence describes a picture
_STOPS = '.,!?…:;"“”()'
_IT = r"(?:it|that|this|them|him|her|everything|the (?:whole )?(?:picture|image|scene|painting|thing|lot))"
_VERBS = (
    "make|making|makes|made|paint|draw|turn|turned|change|add|include|remove|delete|drop|lose|erase|put|move|place|"
    "replace|swap|take|get rid|leave|give|keep|without|with|no|not|set|shift"
)
_HESITATION = re.compile(r"\b(?:u+m+|u+h+|u+h+m+|e+r+m*|h+m+|a+h+m*)\b ?")
_FILLER = re.compile(
    r"(?:okay|ok|well|so|oh|ah|yeah|yes|yep|alright|all right|great|cool|nice|perfect|hey|hi|hello|please|just|"
    r"actually|maybe|perhaps|sorry|wait|hold on|i think|i mean|you know|then|and then|oops|wrong (?:one|colou?r|size)|"
    r"and(?! (?:a|an|the|some|two|three|another|also|with)\b)|"
    r"no(?=,(?! an?\b)| (?:no|not|wait|sorry|i|it|that|make|paint|turn|change|put|add|in|on|at|the)\b))\b,? ?"
)
_POLITE = re.compile(
    r"(?:(?:can|could|would|will) (?:you|we|i)|i(?:'d| would) (?:like|love|prefer)|i want|i need|let's|lets|let us|"
    r"what if(?= the\b)|(?:can|could)(?= (?:the|it)\b)|try|why (?:don't|not) (?:you|we)|you (?:can|could|should)"
    r"|is it possible|go ahead(?: and)?|(?:do|would) you mind)"
    r"(?: you)?(?: please)?(?: just)?(?: to(?= \w))?\b,? ?"
)
_FIRM = re.compile(
    rf"(?:(?:make|makes|made|making|mate|mike|paint|draw|do|colou?r) {_IT}(?: all)?(?: to)?(?: be| look)?"
    r"|(?:make at(?= (?!a\b|an\b|the\b)))"
    rf"|turn(?:ed)? (?:{_IT} )?(?:in ?to|to)|turn {_IT}|(?:change|transform|convert|switch) {_IT}"
    r"(?: to| into| so(?: that)?)?"
    rf"|change (?:in ?to|to)|(?:have|get|see|let) {_IT}(?: be)?|(?:do |paint |keep |draw )?(?:it |the )?same"
    r"(?: (?:thing|picture|image|one|scene|again|as before))*,?(?: (?:but|only|just|except))?"
    r"(?: (?:make it|in(?= \w+ ?$)))?"
    r"|(?:keep|leave) (?:it|everything)(?: the same)?,? but|it (?:should|has to|must|needs to|could) be"
    r"|i (?:said|meant|mean)|what if it (?:was|were|is)|let it(?: be)?)\b,? ?"
)
_SOFT = re.compile(
    r"(?:go (?:with|for)|i prefer|no(?=,? an?\b)|"
    r"now,? (?:it's|it is|it)|it's|it is|now|and now|this time|but|next|how about|what about|instead|rather"
    r"|i(?:'d| would) rather(?: have| see)?|have|see|like (?:that|this|before)(?: but)?|as before but)\b,? ?"
)
_SLIP = re.compile(r"make (?:it's |its |it is |at |a )?")  # "make night", "make it's night"
_IT_AFTER = re.compile(r"(?:it|that|this)(?: to)?(?: be)?\b ?")  # "i want it to be"
_END = re.compile(
    r"(?:,? (?:(?:would be|is|looks) (?:better|nicer)|"
    r"please|thanks|thank you|instead|for me|if you can|this time|now|okay|ok|alright|maybe|i think"
    r"|will you|would you|can you))+$"
)
_AGAIN_AT_END = re.compile(r",? again$")

AGAIN = re.compile(
    r"(?:(?:(?:do|paint|draw|try|run|make|show) (?:it |that |this |me |the same (?:thing )?)?)?"
    r"(?:again|once more|once again|one more(?: time)?|another(?: one| version| try| time| picture)?|over again)"
    r"|(?:the )?same(?: thing)?(?: again| once more)?|(?:give|show) me (?:another|one more)(?: one| version)?"
    r"|a different (?:one|version)|another variation|repeat(?: (?:it|that))?|a game|again again)"
)
UNDO = re.compile(
    r"(?:one (?:step |picture )?back|"
    r"(?:undo|un do|undue|revert|cancel|scratch|reverse|take back)(?: (?:it|that|this|the last (?:one|change|step)|"
    r"last|the change|again|one|once|more))*|(?:go |step |take (?:it|that|me) |turn )?back(?: (?:again|one|a step|one "
    r"step|to the (?:last|previous|first|one before)(?: one| picture)?|one picture|please))*|(?:the )?(?:previous|last)"
    r"(?: one| picture)?|the (?:one|picture) before(?: that)?|return)"
)
REDO = re.compile(
    r"(?:(?:redo|re do|re-do)(?: (?:it|that|this|the last (?:one|change)|again|one|once))*"
    r"|(?:go |step )?forward(?: (?:again|one|a step|one step))*|(?:undo|cancel|revert) the undo|bring (?:it|that) back"
    r"|restore (?:it|that))"
)
NEW = re.compile(
    r"(?:(?:a|the|paint|paint a|draw a|make a)? ?(?:new|different|another|fresh) (?:picture|image|painting)"
    r"(?: of| with)?|start over(?: with)?|start again with|from scratch|something (?:new|else|different))\b[,:]? ?"
)
REQUEST = re.compile(
    r"(?:please |can you |could you |i want you to )*(?:(?:paint|draw|show|give|make|create|generate)(?: me| us)? "
    r"(?:a|an|some|two|three|my|one)\b|(?:paint|draw|show|give|create|make) (?:me|us)\b|imagine\b|a (?:picture|photo"
    r"|painting|drawing) of\b|(?:i want|i would like|i'd like|let me see|can i (?:see|have)) (?:to see )?(?:a|an|some"
    r"|two|three|my)\b)"
)

_SEPARATOR = re.compile(r",? (?:and then|and also|and|but|then|also) |, ")
_ADJECTIVE = any_of(frozenset((*COLOURS, *SIZES, *COMPARATIVES)))
_TWO_COLOURS = re.compile(rf"\b(?:{any_of(COLOURS)}) and (?:{any_of(COLOURS)})$")
_BARE = any_of(frozenset(word for each in ASPECTS for word in each.bare))
_WORDS_ONLY = re.compile(rf"(?:(?:a|the|much|more|less|in) )*(?:(?:{_ADJECTIVE}|{_BARE}) ?)+")
_CLAUSE_START = re.compile(rf"(?:{_VERBS}|less|more|now|the same)\b|(?:the|its) [\w-]+ (?:{_ADJECTIVE})$")
_LIST = re.compile(r"(?:add|include|with|without|remove|delete|no|get rid|lose|drop)\b")


@dataclass(frozen=True, kw_only=True)
class Clause:
    """A part of a sentence, without what opens it."""

    text: str
    firm: bool = False  # opened by "make it" or the like: it cannot be anything but a change
    soft: bool = False  # opened by "now" or the like: it may be a change

    @property
    def opened(self) -> bool:
        """Return whether words open the clause that ask for a change."""
        return self.firm or self.soft


def normalize(sentence: str) -> str:
    """Return the words in lower case; of the punctuation only commas between words stay."""
    words = sentence.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split()
    bare = [(word.strip(_STOPS), word.endswith((",", ";"))) for word in words]
    text = " ".join(word + ("," if comma else "") for word, comma in bare if word)
    return _HESITATION.sub("", text).strip(" ,")


def plain(text: str) -> str:
    """Return words without fillers and politeness around them."""
    before = None
    while text != before:
        before = text
        text = _cut(_POLITE, _cut(_FILLER, text))
    return _END.sub("", text).strip(" ,")


def open_clause(text: str) -> Clause:
    """Remove what opens a clause, and politeness around it."""
    firm = soft = False
    before = None
    while text != before:
        before = text
        filled = _cut(_FILLER, text) if not firm else text
        polite = _cut(_POLITE, filled)
        text = polite
        slip = _SLIP.match(text)
        if slip and _WORDS_ONLY.fullmatch(text, slip.end()):
            text, firm = text[slip.end() :], True
        elif polite != filled and _IT_AFTER.match(polite):
            text, firm = _cut(_IT_AFTER, polite), True
        elif _FIRM.match(text):
            text, firm = _cut(_FIRM, text), True
        elif _SOFT.match(text):
            text, soft = _cut(_SOFT, text), True
    soft = soft or text.endswith((" instead", " this time"))
    text = _END.sub("", text).strip(" ,")
    return Clause(text=_AGAIN_AT_END.sub("", text) if firm else text, firm=firm, soft=soft)


def split(text: str) -> list[str]:
    """Split words into clauses: "a castle and make it night" has two, "a castle and a tree" has one."""
    pieces: list[str] = []
    listing = False  # things to add or to remove: a bare word continues the list
    for part in (each for long in _SEPARATOR.split(text) for each in _cut_with(long)):
        if part is None or not part.strip(" ,"):
            continue
        two_colours = bool(pieces) and _TWO_COLOURS.search(f"{pieces[-1]} and {part}")
        continues = two_colours or (listing and _WORDS_ONLY.fullmatch(part))
        if not pieces or (_begins_clause(part) and not continues):
            pieces.append(part)
            listing = bool(_LIST.match(part))
        else:
            pieces[-1] = f"{pieces[-1]} and {part}"
    return pieces if not re.match(r"not |instead of ", text) else [text]


def _cut_with(part: str) -> list[str]:
    """Cut "night with a moon" and "in the desert without a cat" in two."""
    if not part:
        return []
    begin = _WORDS_ONLY.match(part) or next(filter(None, (each.phrase.match(part) for each in ASPECTS)), None)
    end = len(part[: begin.end()].rstrip()) if begin else 0
    return [part[:end], part[end + 1 :]] if part.startswith((" with ", " without "), end) else [part]


def _begins_clause(part: str) -> bool:
    starts = _CLAUSE_START.match(part) or any(each.phrase.match(part) for each in ASPECTS)
    return bool(starts or _WORDS_ONLY.fullmatch(part))


def _cut(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub("", text, count=1) if pattern.match(text) else text
