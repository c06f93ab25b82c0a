"""`WebSocket /v1/talk`: sound and small messages come in from a page; everything that happens goes out.

One connection is one conversation, each sentence of it a job. The sound is the page's, or comes from this machine's
own microphone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from orchestrator import record
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Event
from orchestrator.gallery import Gallery
from orchestrator.line.engines import Line
from orchestrator.line.talking import Made, Talk, made_before
from orchestrator.sound import SAMPLE_BYTES, SAMPLE_RATE, Samples
from orchestrator.studio import asked, story
from orchestrator.studio.jobs import Job, Jobs
from orchestrator.studio.microphone import Microphone

TICK = 0.1  # seconds between two looks at whether someone has cancelled
PATIENCE = 8.0  # seconds without a sound from the page
LONGEST_BLOCK = SAMPLE_RATE * SAMPLE_BYTES * 5  # bytes: five seconds, more than any page gathers
FIELDS = ("do", "microphone", "confirm", "refine", "image", *asked.PAINTING, *asked.HEARING)


class Sentence:
    """One sentence under way: what the page sends goes in here, the job's thread takes it out."""

    def __init__(self, job: Job, seconds: float) -> None:
        self.job = job
        self.stop = record.Stop()
        self._room = int(seconds * SAMPLE_RATE * SAMPLE_BYTES) + LONGEST_BLOCK  # no sentence takes more sound
        self._blocks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._prompts: queue.SimpleQueue[str] = queue.SimpleQueue()

    def hear(self, block: bytes) -> None:
        if block and len(block) <= self._room:
            self._room -= len(block)
            self._blocks.put(block)

    def paint(self, prompt: str) -> None:
        self._prompts.put(prompt)

    def sound(self) -> Generator[Samples]:
        """Yield the page's sound as it comes."""
        still = 0.0
        while not self.stop.why and still < PATIENCE:
            self.job.check()
            try:
                block = self._blocks.get(timeout=TICK)
            except queue.Empty:
                still += TICK
                continue
            still = 0.0
            yield np.frombuffer(block[: len(block) // 2 * 2], dtype="<i2").astype(np.int16, copy=False)

    def confirmed(self, prompt: str) -> str:
        """Ask the page for the words to paint."""
        self.job.tell(story.Confirm(prompt=prompt))
        while True:
            self.job.check()
            with contextlib.suppress(queue.Empty):
                return self._prompts.get(timeout=TICK)


class Conversation:
    """What a page and we say to each other."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._jobs: Jobs = websocket.app.state.jobs
        self._microphone: Microphone = websocket.app.state.microphone
        self._made: list[Made] = []
        self._sentence: Sentence | None = None
        self._telling: asyncio.Task[None] | None = None

    async def go(self) -> None:
        """Heed what the page says until it leaves; that cancels what it had begun."""
        try:
            while True:
                await self._heed(await self._websocket.receive())
        except WebSocketDisconnect:
            pass
        finally:
            if self._sentence:
                self._sentence.job.cancel()
            if self._telling:
                self._telling.cancel()

    async def _heed(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        block = message.get("bytes")
        if block is not None:
            if self._sentence and len(block) <= LONGEST_BLOCK:
                self._sentence.hear(block)
            return
        try:
            await self._do(_message(message.get("text") or ""))
        except AudioToImageError as error:
            await self._websocket.send_text(story.failed(error).to_json())

    async def _do(self, asks: dict[str, Any]) -> None:
        sentence = self._sentence
        match asks.get("do"):
            case "listen":
                if sentence:
                    raise Misuse("the sentence before is not done", 'send {"do": "cancel"} first')
                await self._listen(asks)
            case "stop" if sentence:
                sentence.stop("key")
            case "paint" if sentence:
                sentence.paint(str(asks.get("prompt") or ""))
            case "cancel" if sentence:
                sentence.stop("key")
                sentence.job.cancel()
            case "stop" | "paint" | "cancel":
                pass  # the sentence has just ended
            case other:
                raise Misuse(f"{other!r:.60} is not understood", "do: listen, stop, paint or cancel")

    async def _listen(self, asks: dict[str, Any]) -> None:
        asked.only(asks, FIELDS)
        settings = asked.chosen(self._jobs.settings, asks)
        job = Job(what="talk")
        sentence = Sentence(job, settings.seconds)
        gallery, image = Gallery(settings.gallery), ""
        if asks.get("image"):
            image = str((await run_in_threadpool(asked.kept, gallery, asks["image"])).path)
        if asks.get("refine"):
            kept = await run_in_threadpool(asked.kept, gallery, asks["refine"])
            self._made.append(made_before(kept))
        ours = asks.get("microphone") == "server"

        def work(line: Line) -> Iterator[Event]:
            confirm = sentence.confirmed if asks.get("confirm") is True else None
            talk = Talk(line, image=image, made=self._made, confirm=confirm)
            path = record.new_path(settings.recordings)
            if ours:
                yield from self._microphone.sentence(talk, path, sentence.stop)
            else:
                yield from talk.sentence(path, sentence.stop, sentence.sound())

        await run_in_threadpool(self._jobs.start, job, work, settings)
        self._sentence = sentence
        self._telling = asyncio.create_task(self._tell(job))

    async def _tell(self, job: Job) -> None:
        async for told in job.story():
            if told.name in ("done", "failed"):
                self._sentence = None  # the next one may come
            await self._websocket.send_text(told.to_json())


async def talk(websocket: WebSocket) -> None:
    """Hold a conversation with a page."""
    await websocket.accept()
    await Conversation(websocket).go()


def _message(text: str) -> dict[str, Any]:
    try:
        asks = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Misuse("the message is not JSON", '{"do": "listen"}') from error
    if not isinstance(asks, dict):
        raise Misuse("the message is not a JSON object", '{"do": "listen"}')
    return asks
