"""What the studio is doing, its choices and limits, and what became of jobs.

The handlers are plain functions, which Starlette runs in threads: they read files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orchestrator import __version__, catalogue
from orchestrator.choices import Painting, choices
from orchestrator.errors import AudioToImageError
from orchestrator.studio import problems
from orchestrator.studio.description import schemas
from orchestrator.studio.fields import FIELDS

if TYPE_CHECKING:
    from orchestrator.settings import Settings
    from orchestrator.studio.jobs import Jobs
    from orchestrator.studio.turns import Turns


def status(request: Request) -> Response:
    """Return the engines' states, the jobs waiting, the choices and the limits."""
    state = request.app.state
    jobs: Jobs = state.jobs
    turns: dict[str, Turns] = state.turns
    settings = jobs.settings
    waiting = sum(each.waiting for each in turns.values())
    answer = {
        "version": __version__,
        "engines": {kind: _engine(kind, settings, each) for kind, each in turns.items()},
        "listening": state.microphone.listening,
        "jobs": {"running": len(jobs.running), "waiting": waiting, "most": settings.queue},
        "choices": _choices(settings),
        "limits": {
            "most_upload": settings.most_upload,
            "most_seconds": settings.most_seconds,
            "most_pixels": settings.most_pixels,
            "seconds": settings.seconds,
            "steps": FIELDS["steps"].most,
        },
    }
    return JSONResponse(answer)


def jobs(request: Request) -> Response:
    """List the jobs, newest first."""
    return JSONResponse({"jobs": [job.as_json() for job in request.app.state.jobs.all()]})


def job(request: Request) -> Response:
    """Describe a job; DELETE cancels it if it runs, and forgets it if not."""
    jobs: Jobs = request.app.state.jobs
    found = jobs.find(request.path_params["job"])
    if found is None:
        wanted = request.path_params["job"][:60]
        return problems.problem(404, f"there is no job {wanted!r}", code="not_found", hint="GET /v1/jobs")
    if request.method == "DELETE":
        if found.state == "running":
            found.cancel()
        else:
            jobs.forget(found)
    return JSONResponse(found.as_json())


def _choices(settings: Settings) -> dict[str, Any]:
    installed = catalogue.installed(settings)
    painting = list(choices(Painting))
    return {
        "samplers": FIELDS["sampler"].values,
        "spacings": FIELDS["spacing"].values,
        "models": [each.name for each in installed if each.kind == "picture"],
        "speech_models": [each.name for each in installed if each.kind == "speech"],
        "languages": FIELDS["language"].values,
        "painting": schemas.fields(painting),
        "defaults": {name: getattr(settings, name) for name in (*painting, "language")},
    }


def _engine(kind: str, settings: Settings, turns: Turns) -> dict[str, Any]:
    try:
        chosen = catalogue.choose(kind, settings)
    except AudioToImageError as error:
        return {"model": "", "demo": False, "state": "missing", "waiting": 0, "hint": error.hint}
    hint = "audio-to-image models get" if chosen.demo else ""
    return {"model": chosen.name, "demo": chosen.demo, "state": turns.state, "waiting": turns.waiting, "hint": hint}
