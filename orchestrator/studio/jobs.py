"""Jobs: work comes in as a function from a Line to events; each runs in a thread of its own, and tells its story.

What was taken on is written down, so that a server that is killed can say afterwards what it left undone. What leaves
no picture leaves no words: a transcription is never written down, and what was cancelled is not kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from orchestrator import events, files
from orchestrator.errors import AudioToImageError, Busy, Cancelled
from orchestrator.events import Event
from orchestrator.line.engines import Line
from orchestrator.settings import Settings
from orchestrator.studio import story
from orchestrator.studio.answers import recalled
from orchestrator.studio.story import Told

BEHIND = 200  # events that a reader may be behind before it is spared the fleeting ones
REMEMBERED = 500  # jobs that have ended
LOST = AudioToImageError("the server was killed before this was done", "ask for it again")

State = Literal["running", "done", "failed", "lost"]
Work = Callable[[Line], Iterator[Event]]


@dataclass(kw_only=True)
class Job:
    """Something asked for, and what became of it."""

    what: str  # "picture", "talk", "transcription"
    text: str = ""  # words, where there are some
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    made: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    state: State = "running"
    pictures: list[dict[str, Any]] = field(default_factory=list)
    error: AudioToImageError | None = None

    def __post_init__(self) -> None:
        self.heard: events.Heard | None = None
        self._log: list[Told] = []
        self._readers: dict[Reader, None] = {}
        self._lock = threading.Lock()
        self._cancelled = False
        self._over = threading.Event()

    def check(self) -> None:
        """Raise Cancelled once someone has cancelled."""
        if self._cancelled:
            raise Cancelled("cancelled")

    def cancel(self) -> None:
        """Have the work end soon."""
        self._cancelled = True

    def tell(self, event: Event) -> None:
        """Tell an event to all who read, and to those who will."""
        if isinstance(event, events.Kept):
            self.pictures.append(story.picture(event))
        elif isinstance(event, events.Heard):
            self.heard = event
            self.text = self.text or event.transcript
        self._pass(story.told(event))

    def end(self) -> None:
        """Tell the end."""
        self._log = [told for told in self._log if told.name not in story.FLEETING]
        self._pass(story.failed(self.error) if self.error else story.done(self.pictures))
        self._over.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; tell whether it has come."""
        return self._over.wait(seconds)

    async def story(self) -> AsyncIterator[Told]:
        """Read everything that has happened and that will, until the end."""
        reader = Reader(asyncio.get_running_loop())
        with self._lock:
            reader.backlog.extend(self._log)
            self._readers[reader] = None
        try:
            while True:
                while reader.backlog:
                    told = reader.backlog.popleft()
                    yield told
                    if told.name in ("done", "failed"):
                        return
                await reader.news.wait()
                reader.news.clear()
        finally:
            with self._lock:
                del self._readers[reader]

    def as_json(self) -> dict[str, Any]:
        """Describe the job for whoever asks what became of it."""
        error = story.failed(self.error).data if self.error else None
        shown = {name: getattr(self, name) for name in ("id", "what", "text", "made", "state", "pictures")}
        return shown | {"error": error and {name: error[name] for name in ("message", "hint", "code")}}

    def _pass(self, told: Told) -> None:
        with self._lock:
            self._log.append(told)
            if told.name in story.FLEETING and len(self._log) > 1 and self._log[-2].name == told.name:
                del self._log[-2]
            for reader in self._readers:
                reader.take(told)


class Reader:
    """Someone who follows a job from the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.backlog: deque[Told] = deque()
        self.news = asyncio.Event()
        self._loop = loop

    def take(self, told: Told) -> None:
        if len(self.backlog) > BEHIND and told.name in story.FLEETING:
            return
        self.backlog.append(told)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self.news.set)


class Jobs:
    """All jobs: those under way, within bounds, and the last ones that ended."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = files.make_folder(settings.data / "jobs")
        self._jobs: dict[str, Job] = {job.id: job for job in self._left()}
        self._lock = threading.Lock()

    @property
    def under_way(self) -> list[Job]:
        """Give the jobs that have not ended, oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if job.state == "running"]

    def start(self, job: Job, work: Work, settings: Settings, *, written: bool = True) -> Job:
        """Take a job on, or raise Busy; it is written down before this returns, and then it runs."""
        with self._lock:
            before = sum(each.state == "running" for each in self._jobs.values())
            if before >= self.settings.queue:
                raise Busy(f"{before} jobs are under way, and no more are taken on at once", "try again in a moment")
            self._jobs[job.id] = job
        try:
            if written:
                self._write(job)
        except AudioToImageError:
            self.forget(job)  # what is not taken on takes no place
            raise
        job.tell(story.Accepted(job=job.id))
        job.tell(story.Queued(position=before))
        threading.Thread(target=self._run, args=[job, work, settings, written], name=job.id, daemon=True).start()
        return job

    def find(self, wanted: str) -> Job | None:
        """Find a job."""
        return self._jobs.get(wanted)

    def all(self) -> list[Job]:
        """Give all jobs that are remembered, newest first."""
        with self._lock:
            return list(self._jobs.values())[::-1]

    def forget(self, job: Job) -> None:
        """Forget a job that has ended, and what was kept of it."""
        with self._lock:
            self._jobs.pop(job.id, None)
        self._sweep(job)

    def close(self) -> None:
        """Cancel what is under way, and wait a little for it."""
        jobs = self.under_way
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait(2)

    def _run(self, job: Job, work: Work, settings: Settings, written: bool) -> None:
        error: AudioToImageError | None = AudioToImageError("this is a fault in the program", "read the server's log")
        try:
            with Line(settings, job.check) as line:
                for event in work(line):
                    job.check()
                    job.tell(event)
            error = None
        except AudioToImageError as failure:
            error = failure
        finally:
            job.error, job.state = error, "failed" if error else "done"
            try:
                self._settle(job, written)  # first: an end that was told is not to be forgotten
            finally:
                job.end()

    def _settle(self, job: Job, written: bool) -> None:
        """Write the end down, tell the others that they have moved up, and forget the oldest."""
        try:
            if isinstance(job.error, Cancelled):
                self._sweep(job)
            elif written:
                self._write(job)
            else:
                self.forget(job)
        except AudioToImageError as error:
            logging.getLogger(__name__).warning("%s", error)
        for position, each in enumerate(self.under_way):
            each.tell(story.Queued(position=position))
        with self._lock:
            ended = [each for each in self._jobs.values() if each.state != "running"]
        for each in ended[:-REMEMBERED]:
            self.forget(each)

    def _sweep(self, job: Job) -> None:
        for path in self.folder.glob(f"{job.id}.*"):
            path.unlink(missing_ok=True)

    def _write(self, job: Job) -> None:
        files.write_whole(self.folder / f"{job.id}.json", json.dumps(job.as_json(), ensure_ascii=False).encode())

    def _left(self) -> Iterator[Job]:
        """Read what an earlier server wrote down; what it had not done is lost."""
        found = [job for path in self.folder.glob("*.json") if (job := _read(path))]
        for job in sorted(found, key=lambda job: job.made):
            if job.state == "running":
                job.state, job.error = "lost", LOST
                self._write(job)
            yield job


def _read(path: Path) -> Job | None:
    try:
        table = json.loads(path.read_bytes())
        error = table.pop("error")
        job = Job(**table)
        job.error = recalled(error["code"], error["message"], error["hint"]) if error else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return job
