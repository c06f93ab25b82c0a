"""Recording to words: whisper.cpp, the voice detector in front of it, and the rules against invented words.

Hearers are modules of this room, named as in `choices.HEARERS` and imported when one is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.choices import HEARERS, LANGUAGES, MAX_THREADS, is_text
from orchestrator.errors import Misuse
from orchestrator.hear.speech import ggml, invented
from orchestrator.meaning import Meaning, Nothing, Segment, Words

if TYPE_CHECKING:
    from orchestrator.hear import Hearer
    from orchestrator.sound import Samples, Span

QUOTED = 60  # characters of refused words that the reason shows
SHORTEST = 1.0  # seconds: whisper.cpp refuses shorter pieces, so they are padded with silence
SILENT = Nothing(reason="nobody spoke")
SPACELESS = {"zh", "yue", "ja", "th", "lo", "km", "my", "bo"}  # written without spaces between words


@dataclass(frozen=True, kw_only=True)
class Task:
    """How to listen."""

    language: str = "auto"
    translate: bool = False  # into English
    threads: int = 0  # 0: as many as suit the model
    initial_prompt: str = ""  # words to expect: names, a style of writing


def open_hearer(model: Path, *, hearer: str = "auto", task: Task | None = None) -> Hearer:
    """Check a model's file and open it with a hearer; loads nothing yet."""
    name = "whisper" if hearer == "auto" else hearer
    if name not in HEARERS:
        raise Misuse(f"there is no hearer {hearer!r}", f"choose one of: auto, {', '.join(HEARERS)}")
    checked = ggml.check(model)
    module = import_module(f"orchestrator.hear.speech.{name.replace('-', '_')}")
    opened: Hearer = module.hearer(checked, _fit(task or Task(), checked))
    return opened


def listen(
    hear: Callable[[Samples], Meaning],
    pieces: Iterable[Samples],
    spans: Callable[[Iterable[Samples]], Sequence[Span]],
    sample_rate: int,
) -> Iterator[Words | Nothing]:
    """Hear a recording of any length, a piece at a time; yield what was heard so far after each.

    `hear` is only called for a piece in which `spans` (of `voice`) finds speech.
    """
    whole: Words | Nothing = SILENT
    seconds, spoken = 0.0, False
    for piece in pieces:
        found = tuple(spans([piece]))
        if found:
            spoken = True
            whole = join(whole, believe(hear(piece), found), after=seconds)
            yield whole
        seconds += len(piece) / sample_rate
    if not spoken:
        yield whole


def join(first: Words | Nothing, second: Words | Nothing, *, after: float) -> Words | Nothing:
    """Join what was heard in two pieces, the second of which begins `after` seconds after the first."""
    if isinstance(second, Nothing):
        return first if isinstance(first, Words) else second
    segments = tuple(_later(each, after) for each in second.segments)
    if isinstance(first, Nothing):
        return replace(second, segments=segments)
    language = second.language or first.language
    text = ("" if language in SPACELESS else " ").join((first.text, second.text))
    return replace(second, text=text, language=language, segments=first.segments + segments)


def believe(meaning: Meaning, spoken: Sequence[Span]) -> Words | Nothing:
    """Return the words that a hearer wrote, or Nothing if they cannot have been said in that much speech."""
    if not isinstance(meaning, Words) or not meaning.text:
        return SILENT
    seconds = sum(span.end - span.start for span in spoken)
    reason = invented.reason(meaning.text, meaning.probability, seconds)
    if reason:
        return Nothing(reason=f"{reason}: {meaning.text[:QUOTED]!r}", evidence=meaning.evidence)
    return meaning


def _later(segment: Segment, seconds: float) -> Segment:
    if segment.start is None or segment.end is None:
        return segment
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds)


def _fit(task: Task, model: ggml.SpeechModel) -> Task:
    """Choose the language, or name a model that could do what this one cannot."""
    if not 0 <= task.threads <= MAX_THREADS:
        raise Misuse(f"threads must lie between 0 and {MAX_THREADS}, not {task.threads}", "--threads 0 chooses")
    if not is_text(task.initial_prompt):
        raise Misuse("the words to expect are not text: they hold a NUL or half a character", "pass plain UTF-8 text")
    hint = "get one that can: audio-to-image models get base"
    language = task.language.lower()
    if language != "auto" and language not in LANGUAGES:
        raise Misuse(f"there is no language {task.language!r}", "use a code such as en, de, fr, es, ja, or auto")
    if model.multilingual:
        return replace(task, language=language)
    if task.translate:
        raise Misuse(f"the speech model {model.name} knows English only and translates nothing", hint)
    if language not in ("auto", "en"):
        raise Misuse(f"the speech model {model.name} knows English only, not {task.language!r}", hint)
    return replace(task, language="en")
