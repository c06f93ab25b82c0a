"""Transcript to prompt: raw words come in; words without non-speech tags, and the tags, go out. Pure, in linear time.

What goes: (laughs), [MUSIC], {noise} and their full-width kin, *sighs*, <|tokens|>, music signs, and the dashes and
`>>` that open a speaker's turn. Quotation marks stay. Rules look at the text as it came; what they take leaves a gap,
and only around gaps is punctuation touched.
"""
# ruff: noqa: RUF001 - the signs of other scripts look like ours, and are meant

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

GAP = "\0"  # stands for what was taken
CLOSING_QUOTES = tuple("\"'”’»」』》")
STOPS = ",.;:!?…、。，．；：！？"
STOP = re.compile(f"[{STOPS}]+")
TURN_SIGNS = "\N{EN DASH}\N{EM DASH}\N{HORIZONTAL BAR}-"  # the hyphen last: these stand in character classes
TURN = re.compile(
    rf"^(?:[^\S\n]|[{GAP}{STOPS}])*(?:[{TURN_SIGNS}]|>>+)(?:[^\S\n]|[{GAP}{STOPS}{TURN_SIGNS}]|>>+)*", re.M
)
EMPTY_QUOTES = re.compile(
    rf"""(?:"{GAP}+"|“{GAP}+”|'{GAP}+'|‘{GAP}+’|«{GAP}+»|»{GAP}+«|「{GAP}+」|『{GAP}+』|《{GAP}+》)"""
)
AROUND_GAP = re.compile(rf" ?{GAP}[ {GAP}{STOPS}]*")
# Letters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Han.
SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


def clean(text: str) -> Cleaned:
    """Remove what a speech model writes that nobody said: (laughs), [MUSIC], *sighs*, notes, speaker turns."""
    removed: list[str] = []
    before = None
    while text != before:  # what is taken may bring a turn's dash to the start of its line
        before, text = text, _cleaned_once(text, removed)
    return Cleaned(prompt=text if any(map(str.isalnum, text)) else "", removed=tuple(removed))


def clean_bytes(raw: bytes) -> bytes:
    """Clean as a filter does: any bytes come in, a line of words goes out, or nothing."""
    prompt = clean(raw.decode(errors="replace")).prompt
    return f"{prompt}\n".encode() if prompt else b""


def _cleaned_once(text: str, removed: list[str]) -> str:
    text = text.replace(GAP, " ")
    kept, end = [], 0
    for start, stop in _merged(sorted(_tags(text))):
        kept += [text[end:start], GAP]
        removed.append(text[start:stop])
        end = stop
    marked = "".join(kept) + text[end:]
    removed += (" ".join(re.findall(rf"[>{TURN_SIGNS}]+", turn)) for turn in TURN.findall(marked))
    line = re.sub(r"\s+", " ", TURN.sub(GAP, marked))
    return AROUND_GAP.sub(_join, EMPTY_QUOTES.sub(GAP, line)).strip()


def _tags(text: str) -> Iterator[tuple[int, int]]:
    brackets = list(_merged(sorted(_brackets(text))))
    yield from brackets
    yield from _starred(text, brackets)
    yield from (sign.span() for sign in MUSIC.finditer(text))


def _brackets(text: str) -> Iterator[tuple[int, int]]:
    """Find bracketed spans; an opener without a closer takes the rest of its line, a closer without one itself."""
    waiting: list[tuple[str, int]] = []  # the closers that open brackets wait for, and where those opened
    counts: Counter[str] = Counter()
    for sign in BRACKET.finditer(text):
        closer = OPENERS.get(sign[0])
        if closer:
            waiting.append((closer, sign.start()))
            counts[closer] += 1
            continue
        closer, start = CLOSERS[sign[0]], sign.start()
        found = not counts[closer]
        while not found:
            awaited, start = waiting.pop()
            counts[awaited] -= 1
            found = awaited == closer
        yield start, sign.end()
    end = 0
    for _, start in waiting:
        if start >= end:
            line_end = text.find("\n", start)
            end = line_end if line_end >= 0 else len(text)
            yield start, end


def _starred(text: str, brackets: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Find *sighs*: stars open before what is no space and close after it; 2 * 3 * 4 is neither."""
    opened = None
    for stars in _outside(brackets, STARS.finditer(text)):
        start, end = stars.span()
        if opened is None and text[end : end + 1].strip():
            opened = start
        elif opened is not None and text[start - 1 : start].strip():
            yield opened, end
            opened = None


def _outside(spans: list[tuple[int, int]], signs: Iterator[re.Match[str]]) -> Iterator[re.Match[str]]:
    """Keep the signs that lie in no span; both come in order."""
    rest = iter(spans)
    start, end = next(rest, (0, 0))
    for sign in signs:
        while end and end <= sign.start():
            start, end = next(rest, (0, 0))
        if not start <= sign.start() < end:
            yield sign


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join spans that overlap; they come sorted."""
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
    """Choose what stands where something was taken: nothing, a space, or the stop that came after it."""
    text, start, end = gap.string, *gap.span()
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    stop = STOP.search(gap[0])
    if stop and (before.isalnum() or before in CLOSING_QUOTES):
        return stop[0] + (" " if stop.end() < len(gap[0]) else "")
    if SPACELESS.match(before) and SPACELESS.match(after):
        return ""
    return " "
