"""Turn a transcript into a prompt by removing non-speech tags. Pure, in linear time.

Removed are (laughs), [MUSIC], {noise} and their full-width forms, *sighs*, <|tokens|>, music signs, and the dashes and
`>>` that open a speaker's turn. Quotation marks stay. All rules look at the original text; each removal leaves a gap,
and punctuation changes only around gaps.
"""
# ruff: noqa: RUF001 - look-alike characters of other scripts are intended

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from orchestrator.events import Cleaned

OPENERS = {"(": ")", "（": ")", "[": "]", "［": "]", "【": "]", "{": "}", "｛": "}", "<|": "|>"}
CLOSERS = {")": ")", "）": ")", "]": "]", "］": "]", "】": "]", "}": "}", "｝": "}", "|>": "|>"}
BRACKET = re.compile(r"<\||\|>|[()（）\[\]［］【】{}｛｝]")
STARS = re.compile(r"\*+")
MUSIC = re.compile("[♩♪♫♬♭♮♯🎵🎶🎼]+\N{VARIATION SELECTOR-16}?")

GAP = "\0"  # placeholder for removed text
CLOSING_QUOTES = tuple("\"'”’»」』》")
STOPS = ",.;:!?…、。，．；：！？"
STOP = re.compile(f"[{STOPS}]+")
TURN_SIGNS = "\N{EN DASH}\N{EM DASH}\N{HORIZONTAL BAR}-"  # the hyphen is last because these go into character classes
TURN_MARKS = re.compile(
    rf"^(?:[^\S\n]|[{GAP}{STOPS}])*(?:[{TURN_SIGNS}]|>>+)(?:[^\S\n]|[{GAP}{STOPS}{TURN_SIGNS}]|>>+)*", re.M
)
EMPTY_QUOTES = re.compile(
    rf"""(?:"{GAP}+"|“{GAP}+”|'{GAP}+'|‘{GAP}+’|«{GAP}+»|»{GAP}+«|「{GAP}+」|『{GAP}+』|《{GAP}+》)"""
)
AROUND_GAP = re.compile(rf" ?{GAP}[ {GAP}{STOPS}]*")
# Letters of scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han.
SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


def clean(text: str) -> Cleaned:
    """Remove what a speech model adds to speech: (laughs), [MUSIC], *sighs*, music signs, marks of speaker turns."""
    removed: list[str] = []
    before = None
    while text != before:  # a removal may move a turn's dash to the start of its line
        before, text = text, _clean_once(text, removed)
    return Cleaned(prompt=text if any(map(str.isalnum, text)) else "", removed=tuple(removed))


def clean_bytes(raw: bytes) -> bytes:
    """Clean any bytes, as a filter: return a line of text, or nothing."""
    prompt = clean(raw.decode(errors="replace")).prompt
    return f"{prompt}\n".encode() if prompt else b""


def _clean_once(text: str, removed: list[str]) -> str:
    text = text.replace(GAP, " ")
    kept, end = [], 0
    for start, stop in _merged(sorted(_tags(text))):
        kept += [text[end:start], GAP]
        removed.append(text[start:stop])
        end = stop
    marked = "".join(kept) + text[end:]
    removed += (" ".join(re.findall(rf"[>{TURN_SIGNS}]+", turn)) for turn in TURN_MARKS.findall(marked))
    line = re.sub(r"\s+", " ", TURN_MARKS.sub(GAP, marked))
    return AROUND_GAP.sub(_join, EMPTY_QUOTES.sub(GAP, line)).strip()


def _tags(text: str) -> Iterator[tuple[int, int]]:
    brackets = list(_merged(sorted(_brackets(text))))
    yield from brackets
    yield from _starred(text, brackets)
    yield from (sign.span() for sign in MUSIC.finditer(text))


def _brackets(text: str) -> Iterator[tuple[int, int]]:
    """Yield bracketed spans. An unmatched opener spans the rest of its line, an unmatched closer only itself."""
    unclosed: list[tuple[str, int]] = []  # expected closer and start of each open bracket
    counts: Counter[str] = Counter()
    for sign in BRACKET.finditer(text):
        closer = OPENERS.get(sign[0])
        if closer:
            unclosed.append((closer, sign.start()))
            counts[closer] += 1
            continue
        closer, start = CLOSERS[sign[0]], sign.start()
        found = not counts[closer]
        while not found:
            expected, start = unclosed.pop()
            counts[expected] -= 1
            found = expected == closer
        yield start, sign.end()
    end = 0
    for _, start in unclosed:
        if start >= end:
            line_end = text.find("\n", start)
            end = line_end if line_end >= 0 else len(text)
            yield start, end


def _starred(text: str, brackets: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans like *sighs*: a star opens before a non-space and closes after one, so "2 * 3 * 4" has none."""
    opened = None
    for stars in _outside(brackets, STARS.finditer(text)):
        start, end = stars.span()
        if opened is None and text[end : end + 1].strip():
            opened = start
        elif opened is not None and text[start - 1 : start].strip():
            yield opened, end
            opened = None


def _outside(spans: list[tuple[int, int]], signs: Iterator[re.Match[str]]) -> Iterator[re.Match[str]]:
    """Yield the signs outside all spans; both must be sorted."""
    rest = iter(spans)
    start, end = next(rest, (0, 0))
    for sign in signs:
        while end and end <= sign.start():
            start, end = next(rest, (0, 0))
        if not start <= sign.start() < end:
            yield sign


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join overlapping spans, which must be sorted."""
    start, end = 0, 0
    for first, last in spans:
        if first >= end:
            if end:
                yield start, end
            start = first
        end = max(end, last)
    if end:
        yield start, end


def _join(gap: re.Match[str]) -> str:
    """Return what replaces a gap: nothing, a space, or the stop that followed it."""
    text, start, end = gap.string, *gap.span()
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    stop = STOP.search(gap[0])
    if stop and (before.isalnum() or before in CLOSING_QUOTES):
        return stop[0] + (" " if stop.end() < len(gap[0]) else "")
    if SPACELESS.match(before) and SPACELESS.match(after):
        return ""
    return " "
