"""What was heard comes in; it goes out in the five forms that OpenAI's API knows, or as a stream."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from orchestrator import events
from orchestrator.hear.speech import Segment
from orchestrator.studio.answers import told
from orchestrator.studio.jobs import Job

FORMATS = ("json", "text", "srt", "verbose_json", "vtt")


@dataclass(kw_only=True)
class Spoken:
    """What a recording comes to."""

    translated: bool
    seconds: float = 0.0
    text: str = ""  # stays empty where nobody spoke
    language: str = ""
    segments: tuple[Segment, ...] = field(default=())

    def hear(self, heard: events.Heard) -> None:
        """Take what was heard."""
        self.text, self.language, self.segments = heard.transcript, heard.language, heard.segments

    def written(self, form: str) -> Response:
        """Answer in one of the forms."""
        match form:
            case "text":
                return PlainTextResponse(f"{self.text}\n")
            case "srt":
                return PlainTextResponse(_srt(self.cues))
            case "vtt":
                return PlainTextResponse(_vtt(self.cues))
            case "verbose_json":
                return JSONResponse(self._verbose())
        return JSONResponse({"text": self.text, "usage": self._usage()})

    @property
    def cues(self) -> list[tuple[float, float, Segment]]:
        """Give each segment with its times; where the model has none, one cue that lasts as long as the recording."""
        timed = [
            (each.start, each.end, each) for each in self.segments if each.start is not None and each.end is not None
        ]
        if len(timed) == len(self.segments) or not self.text:
            return timed
        sure = [each.probability for each in self.segments if each.probability]
        whole = Segment(text=self.text, probability=math.prod(sure) ** (1 / len(sure)) if sure else None)
        return [(0.0, self.seconds, whole)]

    def _usage(self) -> dict[str, Any]:
        return {"type": "duration", "seconds": round(self.seconds, 3)}

    def _verbose(self) -> dict[str, Any]:
        return {
            "task": "translate" if self.translated else "transcribe",
            "language": self.language,
            "duration": round(self.seconds, 3),
            "text": self.text,
            "segments": [_segment(number, *cue) for number, cue in enumerate(self.cues)],
            "usage": self._usage(),
        }


async def streamed(job: Job, spoken: Spoken) -> AsyncIterator[str]:
    """Write words as server-sent events, as they are heard; a reader that leaves cancels the job."""
    text = ""
    try:
        async for event in job.story():
            if event.name == "words" and event.data["text"].startswith(text):
                yield _sse("transcript.text.delta", delta=event.data["text"][len(text) :])
                text = event.data["text"]
            elif event.name == "failed" and job.error:
                yield f"event: error\ndata: {bytes(told(job.error).body).decode()}\n\n"
            elif event.name == "done":
                yield _sse("transcript.text.done", text=spoken.text)
    finally:
        job.cancel()


def _sse(kind: str, **data: str) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data}, ensure_ascii=False)}\n\n"


def _segment(number: int, start: float, end: float, segment: Segment) -> dict[str, Any]:
    """Describe a segment; the voice detector found speech in it, so that none is improbable."""
    text = segment.text.encode()
    return {
        "id": number,
        "seek": 0,
        "start": round(start, 3),
        "end": round(end, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": math.log(segment.probability) if segment.probability else 0.0,
        "compression_ratio": len(text) / len(zlib.compress(text)),
        "no_speech_prob": 0.0,
    }


def _srt(cues: list[tuple[float, float, Segment]]) -> str:
    lines = (
        f"{number}\n{_time(start, ',')} --> {_time(end, ',')}\n{segment.text.strip()}\n"
        for number, (start, end, segment) in enumerate(cues, start=1)
    )
    return "\n".join(lines)


def _vtt(cues: list[tuple[float, float, Segment]]) -> str:
    lines = (f"{_time(start, '.')} --> {_time(end, '.')}\n{segment.text.strip()}\n" for start, end, segment in cues)
    return "\n".join(("WEBVTT\n", *lines))


def _time(seconds: float, point: str) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"
