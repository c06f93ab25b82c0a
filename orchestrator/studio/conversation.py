"""`WebSocket /v1/talk`: a conversation with a page, one connection long; each sentence of it is a job.

The sound comes from the page, or from this machine's own microphone.
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
from orchestrator.line.talking import History, Talk
from orchestrator.sound import SAMPLE_BYTES, SAMPLE_RATE, Samples
from orchestrator.studio import event_json, fields, forms
from orchestrator.studio.event_json import LAST
from orchestrator.studio.job import Job
from orchestrator.studio.jobs import Jobs
from orchestrator.studio.microphone import Microphone

TICK = 0.1  # seconds between two checks for cancellation
PATIENCE = 8.0  # seconds without sound from the page
LONGEST_BLOCK = SAMPLE_RATE * SAMPLE_BYTES * 5  # bytes: five seconds, more than a page collects
FIELDS = ("do", "microphone", "confirm", "refine", "image", *fields.FIELDS)


class Sentence:
    """One sentence: the event loop puts in what the page sends, the job's thread takes it out."""

    def __init__(self, job: Job, seconds: float) -> None:
        self.job = job
        self.stop = record.Stop()
        self._room = int(seconds * SAMPLE_RATE * SAMPLE_BYTES) + LONGEST_BLOCK  # bytes a sentence may still take
        self._blocks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._prompts: queue.SimpleQueue[str] = queue.SimpleQueue()

    def hear(self, block: bytes) -> None:
        """Add sound; what exceeds the longest recording is dropped."""
        if block and len(block) <= self._room:
            self._room -= len(block)
            self._blocks.put(block)

    def paint(self, prompt: str) -> None:
        """Set the confirmed words."""
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

    def confirm(self, prompt: str) -> str:
        """Ask the page for the words to paint, and wait for them."""
        self.job.publish(event_json.Confirm(prompt=prompt))
        while True:
            self.job.check()
            with contextlib.suppress(queue.Empty):
                return self._prompts.get(timeout=TICK)


class Conversation:
    """One page's connection."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._jobs: Jobs = websocket.app.state.jobs
        self._microphone: Microphone = websocket.app.state.microphone
        self._history = History()
        self._sentence: Sentence | None = None
        self._sending: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Handle messages until the page leaves, which cancels its sentence."""
        try:
            while True:
                await self._receive(await self._websocket.receive())
        except WebSocketDisconnect:
            pass
        finally:
            if self._sentence:
                self._sentence.job.cancel()
            if self._sending:
                self._sending.cancel()

    async def _receive(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        block = message.get("bytes")
        if block is not None:
            if self._sentence and len(block) <= LONGEST_BLOCK:
                self._sentence.hear(block)
            return
        try:
            await self._do(_parse(message.get("text") or ""))
        except AudioToImageError as error:
            await self._websocket.send_text(event_json.failed(error).to_json())

    async def _do(self, request: dict[str, Any]) -> None:
        sentence = self._sentence
        match request.get("do"):
            case "listen":
                if sentence:
                    raise Misuse("the sentence before is not done", 'send {"do": "cancel"} first')
                forms.check_names(request, FIELDS)
                self._sentence = await run_in_threadpool(self._listen, request)
                self._sending = asyncio.create_task(self._send(self._sentence.job))
            case "stop" if sentence:
                sentence.stop("key")
            case "paint" if sentence:
                sentence.paint(str(request.get("prompt") or ""))
            case "cancel" if sentence:
                sentence.stop("key")
                sentence.job.cancel()
            case "stop" | "paint" | "cancel":
                pass  # the sentence has just ended
            case other:
                raise Misuse(f"{other!r:.60} is not understood", "do: listen, stop, paint or cancel")

    def _listen(self, request: dict[str, Any]) -> Sentence:
        """Start a sentence; blocks."""
        settings = forms.apply(self._jobs.settings, request)
        sentence = Sentence(Job(what="talk"), settings.seconds)
        gallery, image = Gallery(settings.gallery), ""
        if request.get("image"):
            image = str(forms.find_picture(gallery, request["image"]).path)
        if request.get("refine"):
            self._history.add_kept(forms.find_picture(gallery, request["refine"]))
        ours = request.get("microphone") == "server"

        def work(line: Line) -> Iterator[Event]:
            confirm = sentence.confirm if request.get("confirm") is True else None
            talk = Talk(line, image=image, history=self._history, confirm=confirm)
            path = record.new_path(settings.recordings, wanted=settings.keep_audio)
            if ours:
                yield from self._microphone.sentence(talk, path, sentence.stop)
            else:
                yield from talk.sentence(path, sentence.stop, sentence.sound())

        self._jobs.start(sentence.job, work, settings)
        return sentence

    async def _send(self, job: Job) -> None:
        async for message in job.follow():
            if message.name in LAST:
                self._sentence = None  # before it is sent: the page may begin the next one at once
            await self._websocket.send_text(message.to_json())


async def talk(websocket: WebSocket) -> None:
    """Hold a conversation with a page."""
    await websocket.accept()
    await Conversation(websocket).run()


def _parse(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Misuse("the message is not JSON", '{"do": "listen"}') from error
    if not isinstance(request, dict):
        raise Misuse("the message is not a JSON object", '{"do": "listen"}')
    return request
