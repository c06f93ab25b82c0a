"""Push-to-talk on the terminal: record, understand and paint one sentence after another."""

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
HOLD = 0.4  # seconds: releasing a key held longer ends the sentence; after a shorter press, the next press does


@dataclass(frozen=True, kw_only=True)
class Manner:
    """Options of a session."""

    recordings: Path
    keep_audio: bool = False
    once: bool = False
    now: bool = False
    opens: bool = True


def session(talk: Talk, keyboard: Keyboard, manner: Manner) -> Iterator[Event]:
    """Turn one sentence after another into pictures. Without a keyboard, start at once and stop after one."""
    yield from recover_recordings(manner.recordings)
    once, now = manner.once or not keyboard.there, manner.now or not keyboard.there
    while now or (yield from _wait_for_start(keyboard)):
        now = False
        sentence = _sentence(talk, keyboard, manner)
        if once:
            yield from sentence
            return
        yield from _report_failure(sentence)


def recover_recordings(folder: Path) -> Iterator[Event]:
    """Recover recordings that a killed program left, and yield a note for each."""
    for path in record.recover(folder):
        yield events.Note(
            text=f"recovered an interrupted recording: {path}", hint=f"audio-to-image picture {quote(str(path))}"
        )


def _wait_for_start(keyboard: Keyboard) -> Generator[Event, None, bool]:
    """Wait for a key; return True if it starts a sentence, False if it ends the session."""
    keyboard.forget()
    keyboard.request_releases(True)
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
    stop, path = record.Stop(), record.new_path(manner.recordings, wanted=manner.keep_audio)
    key = StartKey(held=keyboard.releases_enabled)
    try:
        with closing(talk.sentence(path, stop)) as sentence:
            for event in sentence:
                yield event
                if isinstance(event, events.Opened | events.Level):
                    if any(key.ends(each) for each in keyboard.pressed()):
                        stop("key")
                elif isinstance(event, events.Recorded):
                    keyboard.request_releases(False)
                elif isinstance(event, events.Kept) and manner.opens:
                    shell.open_file(event.path)
    except AudioToImageError:
        if path.exists():
            yield events.Note(text=f"the recording is kept: {path}", hint=f"audio-to-image picture {quote(str(path))}")
        raise
    finally:
        keyboard.request_releases(False)


def _report_failure(sentence: Iterator[Event]) -> Iterator[Event]:
    """Report a failure as an event, so that the session goes on. No speech and cancelling are only notes."""
    try:
        yield from sentence
    except (NoSpeech, Cancelled) as error:
        yield events.Note(text=str(error), hint=error.hint)
    except AudioToImageError as error:
        yield pipeline.failure(error)


class StartKey:
    """The key that started a sentence. Releasing it ends the sentence if it was held, else pressing it again does."""

    def __init__(self, *, held: bool) -> None:
        self._held = held
        self._since = time.monotonic()

    def ends(self, key: Key) -> bool:
        """Return whether a key event ends the sentence."""
        if key.name not in START:
            return False
        if not key.released:
            return True
        held_long = self._held and time.monotonic() - self._since >= HOLD
        self._held = False
        return held_long
