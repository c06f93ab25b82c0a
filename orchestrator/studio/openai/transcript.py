"""A transcript in the five formats of OpenAI's API, or as a stream."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from orchestrator import events
from orchestrator.meaning import Segment
from orchestrator.studio import problems
from orchestrator.studio.job import Job

FORMATS = ("json", "text", "srt", "verbose_json", "vtt")


@dataclass(kw_only=True)
class Transcript:
    """What was said in a recording."""

    translated: bool
    seconds: float = 0.0
    text: str = ""  # stays empty if nobody spoke
    language: str = ""
    segments: tuple[Segment, ...] = field(default=())

    def hear(self, heard: events.Heard) -> None:
        """Set what was heard."""
        self.text, self.language, self.segments = heard.transcript, heard.language, heard.segments

    def response(self, response_format: str) -> Response:
        """Make the response in one of FORMATS."""
        match response_format:
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
        """Return each segment with its times; one cue as long as the recording if the model gave no times."""
        timed = [
            (each.start, each.end, each) for each in self.segments if each.start is not None and each.end is not None
        ]
        if len(timed) == len(self.segments) or not self.text:
            return timed
        probabilities = [each.probability for each in self.segments if each.probability]
        whole = Segment(text=self.text, probability=_mean(probabilities))
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


async def stream(job: Job, transcript: Transcript) -> AsyncIterator[str]:
    """Yield words as server-sent events while they are heard; a client that leaves cancels the job."""
    text = ""
    try:
        async for event in job.follow():
            if event.name == "words" and event.data["text"].startswith(text):
                yield _sse("transcript.text.delta", delta=event.data["text"][len(text) :])
                text = event.data["text"]
            elif event.name == "failed" and job.error:
                yield f"event: error\ndata: {bytes(problems.response(job.error).body).decode()}\n\n"
            elif event.name == "done":
                yield _sse("transcript.text.done", text=transcript.text)
    finally:
        job.cancel()


def _mean(probabilities: list[float]) -> float | None:
    """Return the geometric mean."""
    return math.prod(probabilities) ** (1 / len(probabilities)) if probabilities else None


def _sse(kind: str, **data: str) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data}, ensure_ascii=False)}\n\n"


def _segment(number: int, start: float, end: float, segment: Segment) -> dict[str, Any]:
    """Describe a segment; the voice detector found speech in it, so `no_speech_prob` is 0."""
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
