"""What the studio is doing and what it can do, for whoever shows it; and what became of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orchestrator import __version__, catalogue
from orchestrator.errors import AudioToImageError
from orchestrator.hear.speech import LANGUAGES
from orchestrator.paint import MAX_STEPS, SAMPLERS, SPACINGS
from orchestrator.studio import answers

if TYPE_CHECKING:
    from orchestrator.settings import Settings
    from orchestrator.studio.jobs import Jobs
    from orchestrator.studio.turns import Turns


async def status(request: Request) -> Response:
    """Tell how the engines are, what waits, and what one may ask for."""
    state = request.app.state
    return JSONResponse(await run_in_threadpool(_status, state.jobs, state.turns, state.microphone.listening))


async def jobs(request: Request) -> Response:
    """Tell what was asked, and what became of it."""
    return JSONResponse({"jobs": [job.as_json() for job in request.app.state.jobs.all()]})


async def job(request: Request) -> Response:
    """Tell what became of a job; DELETE cancels it, or forgets one that has ended."""
    jobs: Jobs = request.app.state.jobs
    found = jobs.find(request.path_params["job"])
    if found is None:
        wanted = request.path_params["job"][:60]
        return answers.problem(404, f"there is no job {wanted!r}", code="not_found", hint="GET /v1/jobs")
    if request.method == "DELETE":
        if found.state == "running":
            found.cancel()
        else:
            await run_in_threadpool(jobs.forget, found)
    return JSONResponse(found.as_json())


def _status(jobs: Jobs, turns: dict[str, Turns], listening: bool) -> dict[str, Any]:
    settings, under_way = jobs.settings, jobs.under_way
    waiting = sum(each.waiting for each in turns.values())
    here = catalogue.installed(settings)
    return {
        "version": __version__,
        "engines": {kind: _engine(kind, settings, each) for kind, each in turns.items()},
        "listening": listening,
        "jobs": {"running": len(under_way), "waiting": waiting, "most": settings.queue},
        "choices": {
            "samplers": SAMPLERS,
            "spacings": SPACINGS,
            "models": [each.name for each in here if each.kind == "picture"],
            "speech_models": [each.name for each in here if each.kind == "speech"],
            "languages": ("auto", *LANGUAGES),
            "defaults": {
                "negative": settings.negative,
                "steps": settings.steps,
                "guidance": settings.guidance,
                "count": settings.count,
                "strength": settings.strength,
                "language": settings.language,
            },
        },
        "limits": {
            "most_upload": settings.most_upload,
            "most_seconds": settings.most_seconds,
            "most_pixels": settings.most_pixels,
            "seconds": settings.seconds,
            "steps": MAX_STEPS,
        },
    }


def _engine(kind: str, settings: Settings, turns: Turns) -> dict[str, Any]:
    try:
        chosen = catalogue.choose(kind, settings)
    except AudioToImageError as error:
        return {"model": "", "demo": False, "state": "missing", "waiting": 0, "hint": error.hint}
    hint = "audio-to-image models get" if chosen.demo else ""
    return {"model": chosen.name, "demo": chosen.demo, "state": turns.state, "waiting": turns.waiting, "hint": hint}
