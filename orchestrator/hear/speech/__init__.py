"""Recording to words: sound comes in, `Heard` goes out.

Engines are named here and imported only when one is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.errors import Misuse
from orchestrator.hear.speech import ggml, invented

if TYPE_CHECKING:
    from orchestrator.sound import Samples, Span

HEARERS = {
    "whisper": "orchestrator.hear.speech.whisper:Whisper",
    "whisper-cli": "orchestrator.hear.speech.whisper_cli:WhisperCli",
}
MOST_THREADS = 1024
QUOTED = 60  # characters of refused words that the reason shows
SHORTEST = 1.0  # seconds: a shorter piece is made this long with silence; whisper.cpp refuses what is very short
LANGUAGES = (
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar", "sv", "it", "id", "hi", "fi",
    "vi", "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur", "hr", "bg", "lt", "la", "mi", "ml",
    "cy", "sk", "te", "fa", "lv", "bn", "sr", "az", "sl", "kn", "et", "mk", "br", "eu", "is", "hy", "ne", "mn", "bs",
    "kk", "sq", "sw", "gl", "mr", "pa", "si", "km", "sn", "yo", "so", "af", "oc", "ka", "be", "tg", "sd", "gu", "am",
    "yi", "lo", "uz", "fo", "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln",
    "ha", "ba", "jw", "su", "yue",
)  # fmt: skip
SPACELESS = {"zh", "yue", "ja", "th", "lo", "km", "my", "bo"}  # written without spaces between words


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Words said without a pause; times in seconds, None where the model has none."""

    text: str
    start: float | None = None
    end: float | None = None
    probability: float | None = None  # geometric mean over the tokens


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a hearer makes of a recording."""

    text: str
    segments: tuple[Segment, ...] = ()
    language: str = ""
    hearer: str = ""
    model: str = ""
    spoken: tuple[Span, ...] = ()  # where the voice detector found speech
    no_speech: str = ""  # why there are no words: one short phrase

    @property
    def probability(self) -> float | None:
        """Tell how sure the model is, from 0 to 1: the mean over its segments, longer ones counting more."""
        weighed = [(each.probability, len(each.text)) for each in self.segments if each.probability is not None]
        total = sum(weight for _, weight in weighed)
        return sum(probability * weight for probability, weight in weighed) / total if total else None


@dataclass(frozen=True, kw_only=True)
class Task:
    """How to listen."""

    language: str = "auto"
    translate: bool = False  # into English
    threads: int = 0  # 0: as many as suit the model
    initial_prompt: str = ""  # words to expect: names, a style of writing


class Hearer(Protocol):
    """A model that listens."""

    @property
    def longest(self) -> float:
        """Tell the seconds of the longest piece it takes."""

    def load(self) -> None:
        """Bring the model into memory."""

    def hear(self, samples: Samples) -> Heard:
        """Hear one piece; loads if need be."""

    def unload(self) -> None:
        """Give the memory back."""


def open_hearer(model: Path, *, hearer: str = "auto", task: Task | None = None) -> Hearer:
    """Check a model's file and choose an engine for it; nothing heavy is loaded before `load`."""
    name = "whisper" if hearer == "auto" else hearer
    if name not in HEARERS:
        raise Misuse(f"there is no hearer {hearer!r}", f"choose one of: auto, {', '.join(HEARERS)}")
    checked = ggml.check(model)
    module, kind = HEARERS[name].split(":")
    opened: Hearer = getattr(import_module(module), kind)(checked, _fitting(task or Task(), checked))
    return opened


def listen(
    hearer: Hearer, pieces: Iterable[Samples], spans: Callable[[Iterable[Samples]], Sequence[Span]]
) -> Iterator[Heard]:
    """Hear a recording of any length, a piece at a time; yield all that was heard so far, at last the whole.

    `spans` (of `voice`) decides whether a piece has speech in it before the hearer is asked.
    """
    from orchestrator.sound import SAMPLE_RATE

    whole, seconds = Heard(text="", no_speech="nobody spoke"), 0.0
    for piece in pieces:
        spoken = tuple(spans([piece]))
        if spoken:
            whole = joined(whole, believed(hearer.hear(piece), spoken), after=seconds)
            yield whole
        seconds += len(piece) / SAMPLE_RATE
    if not whole.spoken:
        yield whole


def joined(first: Heard, second: Heard, *, after: float) -> Heard:
    """Join what was heard in two pieces, the second of which begins `after` seconds after the first."""
    language = second.language or first.language
    space = "" if language in SPACELESS else " "
    text = space.join(filter(None, (first.text, second.text)))
    return replace(
        second,
        text=text,
        language=language,
        segments=first.segments + tuple(_later(each, after) for each in second.segments),
        spoken=first.spoken + tuple(replace(s, start=s.start + after, end=s.end + after) for s in second.spoken),
        no_speech="" if text else second.no_speech or first.no_speech,
    )


def believed(heard: Heard, spoken: tuple[Span, ...]) -> Heard:
    """Drop words that nobody can have said."""
    said = sum(span.end - span.start for span in spoken)
    reason = invented.reason(heard.text, heard.probability, said)
    if reason:
        return replace(heard, text="", segments=(), spoken=spoken, no_speech=f"{reason}: {heard.text[:QUOTED]!r}")
    return replace(heard, spoken=spoken)


def _later(segment: Segment, seconds: float) -> Segment:
    if segment.start is None or segment.end is None:
        return segment
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds)


def _fitting(task: Task, model: ggml.SpeechModel) -> Task:
    """Settle the language, or say which model could do what this one cannot."""
    if not 0 <= task.threads <= MOST_THREADS:
        raise Misuse(f"threads must lie between 0 and {MOST_THREADS}, not {task.threads}", "--threads 0 chooses")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in task.initial_prompt):
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
