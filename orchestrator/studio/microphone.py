"""This machine's own microphone, used by one page or Shortcut at a time."""

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
from orchestrator.studio.job import Job
from orchestrator.studio.jobs import Jobs
from orchestrator.worker.messages import Press

TICK = 0.1  # seconds


class Microphone:
    """The microphone, and the sentence that is being recorded, if any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: record.Stop | None = None

    @property
    def listening(self) -> bool:
        """Return whether a sentence is being recorded."""
        return self._stop is not None

    def sentence(self, talk: Talk, path: Path, stop: record.Stop) -> Generator[Event]:
        """Record and process a sentence; raises Busy while another one is being recorded."""
        with self._lock:
            if self._stop:
                raise Busy("the microphone is already recording", "press once more to stop it")
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
        """End the sentence that is being recorded; return whether there was one."""
        stop = self._stop
        if stop:
            stop("key")
        return stop is not None


def press(microphone: Microphone, jobs: Jobs, request: Press) -> Generator[Event]:
    """Record a sentence and yield its events; or stop the recording that an earlier press began."""
    if microphone.end():
        yield events.Note(text="stopped listening; the press that began it gets the picture")
        return
    happened: queue.SimpleQueue[Event] = queue.SimpleQueue()
    settings = request.settings

    def work(line: Line) -> Iterator[Event]:
        path = record.new_path(settings.recordings, wanted=settings.keep_audio)
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
