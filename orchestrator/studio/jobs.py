"""All jobs: each is a function from a Line to events, and runs in a thread of its own.

Accepted jobs are written to disk, so that a server that was killed can list what it did not finish. A transcription is
never written, and what was cancelled is deleted: words are kept only together with a picture or a failure.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from orchestrator import files
from orchestrator.errors import AudioToImageError, Busy, Cancelled
from orchestrator.events import Event
from orchestrator.line.engines import Line
from orchestrator.settings import Settings
from orchestrator.studio import event_json
from orchestrator.studio.job import Job
from orchestrator.studio.problems import from_code

REMEMBERED = 500  # finished jobs
LOST = AudioToImageError("the server was killed before this was done", "send the request again")

Work = Callable[[Line], Iterator[Event]]


class Jobs:
    """The running jobs, up to a limit, and the last finished ones.

    The files in `folder` whose names begin with a job's id belong to it: its description, and its upload until it ends.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = files.make_folder(settings.data / "jobs")
        self._jobs: dict[str, Job] = {job.id: job for job in self._load()}
        self._lock = threading.Lock()

    @property
    def running(self) -> list[Job]:
        """Return the jobs that have not ended, oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if job.state == "running"]

    def start(self, job: Job, work: Work, settings: Settings, *, written: bool = True) -> Job:
        """Accept a job, or raise Busy; it is on disk before this returns, and then it runs."""
        try:
            before = self._add(job)
            if written:
                self._write(job)
        except AudioToImageError:
            self.forget(job)
            raise
        job.publish(event_json.Accepted(job=job.id))
        job.publish(event_json.Queued(position=before))
        threading.Thread(target=self._run, args=[job, work, settings, written], name=job.id, daemon=True).start()
        return job

    def find(self, wanted: str) -> Job | None:
        """Find a job."""
        return self._jobs.get(wanted)

    def all(self) -> list[Job]:
        """Return all jobs that are remembered, newest first."""
        with self._lock:
            return list(self._jobs.values())[::-1]

    def forget(self, job: Job) -> None:
        """Forget a job that does not run, and delete its files."""
        with self._lock:
            self._jobs.pop(job.id, None)
        self._delete_files(job)

    def close(self) -> None:
        """Cancel the running jobs, and wait a little for them."""
        jobs = self.running
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait(2)

    def _add(self, job: Job) -> int:
        """Add a job and return how many come first."""
        with self._lock:
            before = sum(each.state == "running" for each in self._jobs.values())
            if before >= self.settings.queue:
                raise Busy(f"{before} jobs are running, which is the limit", "try again in a moment")
            self._jobs[job.id] = job
        return before

    def _run(self, job: Job, work: Work, settings: Settings, written: bool) -> None:
        error: AudioToImageError | None = AudioToImageError("this is a fault in the program", "read the server's log")
        try:
            with Line(settings, job.check) as line:
                for event in work(line):
                    job.check()
                    job.publish(event)
            error = None
        except AudioToImageError as failure:
            error = failure
        finally:
            job.error, job.state = error, "failed" if error else "done"
            try:
                self._close(job, written)  # first: a job that was reported finished must be on disk
            finally:
                job.finish()

    def _close(self, job: Job, written: bool) -> None:
        """Write a job's end, tell the others their new position, and forget the oldest finished jobs."""
        try:
            if isinstance(job.error, Cancelled):
                self._delete_files(job)
            elif written:
                self._delete_files(job, keep=".json")
                self._write(job)
            else:
                self.forget(job)
        except AudioToImageError as error:
            logging.getLogger(__name__).warning("%s", error)
        for position, each in enumerate(self.running):
            each.publish(event_json.Queued(position=position))
        with self._lock:
            finished = [each for each in self._jobs.values() if each.state != "running"]
        for each in finished[:-REMEMBERED]:
            self.forget(each)

    def _delete_files(self, job: Job, keep: str = "") -> None:
        for path in self.folder.glob(f"{job.id}.*"):
            if path.suffix != keep:
                path.unlink(missing_ok=True)

    def _write(self, job: Job) -> None:
        files.write_whole(self.folder / f"{job.id}.json", json.dumps(job.as_json(), ensure_ascii=False).encode())

    def _load(self) -> Iterator[Job]:
        """Read the jobs of earlier servers; those that were running are lost."""
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
        job.error = from_code(error["code"], error["message"], error["hint"]) if error else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return job
