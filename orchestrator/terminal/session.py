"""Press to talk: a keyboard and a conversation come in, events go out, sentence after sentence."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from orchestrator import events, record, shell
from orchestrator.errors import AudioToImageError, Cancelled, NoSpeech
from orchestrator.events import Event
from orchestrator.line import pipeline
from orchestrator.line.talking import Talk
from orchestrator.terminal.keys import Key, Keyboard

START = ("space", "enter")
HOLD = 0.4  # seconds: a key held longer ends the sentence when it is let go, one pressed shorter when pressed again


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a session goes."""

    recordings: Path
    once: bool = False
    now: bool = False
    opens: bool = True


def session(talk: Talk, keyboard: Keyboard, manner: Manner) -> Iterator[Event]:
    """Turn one sentence after another into pictures; without a keyboard, one at once."""
    yield from recovered(manner.recordings)
    once, now = manner.once or not keyboard.there, manner.now or not keyboard.there
    while now or (yield from _started(keyboard)):
        now = False
        sentence = _sentence(talk, keyboard, manner)
        if once:
            yield from sentence
            return
        yield from _forgiven(sentence)


def recovered(folder: Path) -> Iterator[Event]:
    """Finish what was recorded when a program was killed, and tell where it is."""
    for path in record.recover(folder):
        yield events.Note(
            text=f"a recording cut short is kept: {path}", hint=f"audio-to-image picture {quote(str(path))}"
        )


def _started(keyboard: Keyboard) -> Generator[Event, None, bool]:
    """Wait for the key that starts a sentence; tell whether it came rather than the one that leaves."""
    keyboard.forget()
    keyboard.tell_releases(True)
    yield events.Ready()
    while True:
        for key in keyboard.pressed(None):
            if key.name == "redraw":
                yield events.Ready()
            if key.name in START and not key.released:
                return True
            if key.name == "q" or (key.name == "d" and key.control):
                return False


def _sentence(talk: Talk, keyboard: Keyboard, manner: Manner) -> Iterator[Event]:
    stop, path = record.Stop(), record.new_path(manner.recordings)
    key = StartKey(held=keyboard.telling_releases)
    try:
        with closing(talk.sentence(path, stop)) as sentence:
            for event in sentence:
                yield event
                if isinstance(event, events.Opened | events.Level):
                    if any(key.ends(each) for each in keyboard.pressed()):
                        stop("key")
                elif isinstance(event, events.Recorded):
                    keyboard.tell_releases(False)
                elif isinstance(event, events.Kept) and manner.opens:
                    shell.open_file(event.path)
    except AudioToImageError:
        if path.exists():
            yield events.Note(text=f"the recording is kept: {path}", hint=f"audio-to-image picture {quote(str(path))}")
        raise
    finally:
        keyboard.tell_releases(False)


def _forgiven(sentence: Iterator[Event]) -> Iterator[Event]:
    """Tell what failed, and go on with the next sentence; what nobody said is no failure."""
    try:
        yield from sentence
    except (NoSpeech, Cancelled) as error:
        yield events.Note(text=str(error), hint=error.hint)
    except AudioToImageError as error:
        yield pipeline.failure(error)


class StartKey:
    """The key that started a sentence and ends it: let go, where it was held; else pressed once more."""

    def __init__(self, *, held: bool) -> None:
        self._held = held
        self._since = time.monotonic()

    def ends(self, key: Key) -> bool:
        """Tell whether a key ends the sentence."""
        if key.name not in START:
            return False
        if not key.released:
            return True
        let_go = self._held and time.monotonic() - self._since >= HOLD
        self._held = False
        return let_go
