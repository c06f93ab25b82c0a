"""Load a server with many clients, kill its engines and the server itself meanwhile, and report each request's outcome.

    python tests/load.py --requests 10000 --paintings 300 --clients 50     so many requests, with kills
    python tests/load.py --minutes 120 --clients 4 --pause 1               for so long, without kills

It reports the memory, open files and threads of the server and its engines, and how long requests took at the start
and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx2
import psutil

sys.path.append(str(Path(__file__).parent))
from serving import Server

RECORDING = Path(__file__).parent.parent / "models" / "demo" / "recordings" / "01.wav"
WORDS = ("a red house", "a green tree in the snow", "a yellow car", "a white lighthouse at night")
SETTLED = 0.25  # of the requests: before, memory may grow
SAMPLE_SECONDS = 10.0
ENDED = ("done", "failed", "lost")


@dataclass(frozen=True, kw_only=True)
class Size:
    """The resources that the server and its engines hold."""

    memory: int  # bytes
    files: int
    threads: int


@dataclass(kw_only=True)
class Report:
    """The outcomes, times and measurements of a run."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)  # in the order in which they ended
    ends: Counter[str] = field(default_factory=Counter)  # of jobs
    unknown: list[str] = field(default_factory=list)  # accepted jobs that the server no longer knows
    dropped: int = 0  # requests that were running when the server was killed
    sizes: list[Size] = field(default_factory=list)  # since the last kill
    took: float = 0.0

    def percentiles(self, part: slice) -> tuple[float, ...]:
        """Return the 50th, 95th and 99th percentile of a part of the requests."""
        cut = statistics.quantiles(self.seconds[part], n=100)
        return cut[49], cut[94], cut[98]

    def grown(self, name: str) -> tuple[float, float, float]:
        """Return the median of a resource in the first and the last quarter of the measurements, and its maximum."""
        values = [getattr(each, name) for each in self.sizes]
        quarter = max(1, len(values) // 4)
        return statistics.median(values[:quarter]), statistics.median(values[-quarter:]), max(values)


class Load:
    """Clients with their requests, and the kills of the server meanwhile."""

    def __init__(self, *, requests: int, paintings: int, clients: int, minutes: float = 0, pause: float = 0) -> None:
        self.report = Report()
        self._count, self._clients, self._pause = requests, clients, pause
        self._lasts = minutes * 60
        self._end = time.monotonic() + self._lasts if minutes else None
        rng = random.Random(7)
        others = (self._look, self._list, self._search, self._file, self._refused, self._hear, self._remove)
        kinds = [self._paint] * paintings
        kinds += [rng.choices(others, weights=(16, 4, 4, 3, 3, 1, 1))[0] for _ in range(requests - paintings)]
        rng.shuffle(kinds)
        self._kinds = cycle(kinds) if minutes else iter(kinds)
        self._ids: list[str] = []
        self._jobs: set[str] = set()
        self._back = asyncio.Event()
        self._done = 0

    async def run(self) -> Report:
        begun = time.perf_counter()
        self.server = Server()
        self._port = self.server.url.rsplit(":", 1)[1]
        self._back.set()
        await asyncio.to_thread(self.server.warm)
        self._ids = [
            (await asyncio.to_thread(self.server.paint, prompt=words)).json()["pictures"][0]["id"] for words in WORDS
        ]
        try:
            await asyncio.gather(self._watch(), *(self._client() for _ in range(self._clients)))
            await asyncio.to_thread(self._account)
        finally:
            await asyncio.to_thread(self.server.end)
        self.report.took = time.perf_counter() - begun
        return self.report

    async def _client(self) -> None:
        async with httpx2.AsyncClient(base_url=self.server.url, timeout=120, verify=False) as client:
            for kind in self._kinds:
                await self._one(kind, client)
                self._done += 1
                await asyncio.sleep(self._pause)
                if self._end and time.monotonic() > self._end:
                    break

    async def _one(self, kind: Callable[[httpx2.AsyncClient], Awaitable[int]], client: httpx2.AsyncClient) -> None:
        while True:
            await self._back.wait()
            begun = time.perf_counter()
            try:
                status = await kind(client)
            except httpx2.TransportError:
                self.report.dropped += 1
                await asyncio.sleep(0.1)
                return
            self.report.statuses[status] += 1
            if status != 429:
                self.report.seconds.append(time.perf_counter() - begun)
                return
            await asyncio.sleep(random.uniform(0.2, 1.0))

    async def _watch(self) -> None:
        """Measure the server regularly; kill its engines after a third of the run and the server after two thirds."""
        left = [] if self._end else [(2 / 3, self._kill_server), (1 / 3, self._kill_engine)]
        while self._share() < 1:
            await asyncio.sleep(SAMPLE_SECONDS if self._end else 0.25)
            if self._share() > SETTLED:
                self._measure()
            if left and self._share() > left[-1][0]:
                await asyncio.to_thread(left.pop()[1])

    def _share(self) -> float:
        """Return the share of the run that is done."""
        if self._end:
            return 1 - (self._end - time.monotonic()) / self._lasts
        return self._done / self._count

    def _kill_engine(self) -> None:
        for worker in self.server.workers():
            worker.kill()

    def _kill_server(self) -> None:
        self._back.clear()
        self.server.kill()
        self.server = Server("--port", self._port).warm()
        self.report.sizes.clear()
        self._back.set()

    def _measure(self) -> None:
        try:
            processes = [psutil.Process(self.server.process.pid), *self.server.workers()]
            size = Size(
                memory=sum(each.memory_info().rss for each in processes),
                files=sum(each.num_fds() for each in processes),
                threads=sum(each.num_threads() for each in processes),
            )
        except psutil.Error:
            return  # a process has just been killed
        self.report.sizes.append(size)
        if self._end:
            print(f"{self._share():.1%} {size}", file=sys.stderr, flush=True)  # noqa: T201 - a run can last for hours

    def _account(self) -> None:
        """Ask for the state of each accepted job whose end was not received."""
        self.server.until(lambda: self.server.status()["jobs"]["running"] == 0, 120)
        for wanted in self._jobs:
            response = self.server.ask("GET", f"/v1/jobs/{wanted}")
            state = response.json().get("state", "unknown")
            self.report.ends[state] += 1
            if state not in ENDED:
                self.report.unknown.append(wanted)

    async def _paint(self, client: httpx2.AsyncClient) -> int:
        fields = {"prompt": random.choice(WORDS), "steps": 2}
        headers = {"Accept": "text/event-stream"}
        async with client.stream("POST", "/v1/pictures", json=fields, headers=headers) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    event = json.loads(line[6:])
                    if event["event"] == "accepted":
                        job = event["job"]
                        self._jobs.add(job)
                    elif event["event"] in ENDED:
                        self._jobs.discard(job)
                        self.report.ends[event["event"]] += 1
            return response.status_code

    async def _hear(self, client: httpx2.AsyncClient) -> int:
        files = {"file": ("speech.wav", RECORDING.read_bytes(), "audio/wav")}
        return (await client.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})).status_code

    async def _look(self, client: httpx2.AsyncClient) -> int:
        return (
            await client.get(random.choice(("/v1/status", "/", "/openapi.json", "/v1/models", "/v1/jobs")))
        ).status_code

    async def _list(self, client: httpx2.AsyncClient) -> int:
        page: dict[str, Any] = (await client.get("/v1/gallery?limit=5")).json()
        return (await client.get(f"/v1/gallery?limit=5&before={page['next'] or ''}")).status_code

    async def _search(self, client: httpx2.AsyncClient) -> int:
        return (await client.get(f"/v1/gallery?search={random.choice(('red', 'tr', 'nothing'))}")).status_code

    async def _file(self, client: httpx2.AsyncClient) -> int:
        return (await client.get(f"/v1/gallery/{random.choice(self._ids)}.png")).status_code

    async def _refused(self, client: httpx2.AsyncClient) -> int:
        await client.post("/v1/pictures", json={"prompt": "x", "steps": "many"})
        return (await client.get("/v1/gallery/..%2F..%2Fetc%2Fpasswd")).status_code

    async def _remove(self, client: httpx2.AsyncClient) -> int:
        page: dict[str, Any] = (await client.get("/v1/gallery?limit=50")).json()
        wanted = random.choice([each["id"] for each in page["pictures"] if each["id"] not in self._ids] or ["0" * 10])
        await client.delete(f"/v1/gallery/{wanted}")
        return (await client.post(f"/v1/gallery/{wanted}/restore")).status_code


def summary(report: Report) -> str:
    """Return the report as text."""
    tenth = max(2, len(report.seconds) // 10)
    first, last = (report.percentiles(part) for part in (slice(tenth), slice(-tenth, None)))
    return "\n".join(
        [
            f"{sum(report.statuses.values())} answers in {report.took:.0f} s: {dict(sorted(report.statuses.items()))}",
            f"{report.dropped} requests lost their server; jobs: {dict(report.ends)}, unknown: {len(report.unknown)}",
            f"seconds (50th, 95th, 99th): first tenth {_row(first)}, last tenth {_row(last)}",
            *(_grown(name, *report.grown(name)) for name in ("memory", "files", "threads")),
        ]
    )


def _grown(name: str, first: float, last: float, most: float) -> str:
    unit = 1e6 if name == "memory" else 1
    return f"{name}: first quarter {first / unit:.0f}, last {last / unit:.0f}, most {most / unit:.0f}"


def _row(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--paintings", type=int, default=300)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=0, help="run for so long, whatever the number of requests")
    parser.add_argument("--pause", type=float, default=0, help="seconds between two requests of a client")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load") as folder:
        os.environ["AUDIO_TO_IMAGE_DATA"] = folder
        report = asyncio.run(Load(**vars(chosen)).run())
    print(summary(report))  # noqa: T201 - the result of this program
    return 1 if report.unknown or any(status >= 500 for status in report.statuses) else 0


if __name__ == "__main__":
    sys.exit(main())
