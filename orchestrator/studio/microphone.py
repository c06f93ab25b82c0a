"""This machine's own microphone: whoever presses comes in, a page or a Shortcut; one at a time is listened to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

from orchestrator import events, record
from orchestrator.errors import Busy
from orchestrator.events import Event
from orchestrator.line.engines import Line
from orchestrator.line.talking import Talk
from orchestrator.studio.jobs import Job, Jobs
from orchestrator.worker.messages import Press

TICK = 0.1  # seconds


class Microphone:
    """Who listens with it now, if anyone does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: record.Stop | None = None

    @property
    def listening(self) -> bool:
        """Tell whether somebody listens."""
        return self._stop is not None

    def sentence(self, talk: Talk, path: Path, stop: record.Stop) -> Generator[Event]:
        """Have a sentence spoken into it; raises Busy where somebody else's is."""
        with self._lock:
            if self._stop:
                raise Busy("the microphone listens already", "press once more to stop it")
            self._stop = stop
        try:
            for event in talk.sentence(path, stop):
                if isinstance(event, events.Recorded):
                    self._stop = None
                yield event
        finally:
            if self._stop is stop:
                self._stop = None

    def end(self) -> bool:
        """End the sentence that is spoken; tell whether there was one."""
        stop = self._stop
        if stop:
            stop("key")
        return stop is not None


def pressed(microphone: Microphone, jobs: Jobs, press: Press) -> Generator[Event]:
    """Listen, and tell what comes of it; or stop listening, where a press before this one began it."""
    if microphone.end():
        yield events.Note(text="stopped listening; the press that began it gets the picture")
        return
    happened: queue.SimpleQueue[Event] = queue.SimpleQueue()
    settings = press.settings

    def work(line: Line) -> Iterator[Event]:
        path = record.new_path(settings.recordings)
        for event in microphone.sentence(Talk(line), path, record.Stop()):
            happened.put(event)
            yield event

    job = jobs.start(Job(what="talk"), work, settings)
    try:
        while not job.wait(0) or not happened.empty():
            try:
                yield happened.get(timeout=TICK)
            except queue.Empty:
                continue
    finally:
        job.cancel()
    if job.error:
        raise job.error
