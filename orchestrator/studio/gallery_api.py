"""The gallery over HTTP.

The handlers are plain functions, which Starlette runs in threads: they read files and the index.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from orchestrator import picture as png
from orchestrator.errors import Misuse, NotThere
from orchestrator.events import Kept
from orchestrator.gallery import ID, Gallery
from orchestrator.studio import event_json, forms, problems

PAGE = 24  # pictures
LARGEST_PAGE = 200
MOST_WORDS = 200  # characters of a search


def _gallery(request: Request) -> Gallery:
    return Gallery(request.app.state.jobs.settings.gallery)


def _find(request: Request) -> Kept:
    return forms.find_picture(_gallery(request), request.path_params["picture"])


def pictures(request: Request) -> Response:
    """List the pictures, newest first, a page at a time."""
    query = request.query_params
    limit = _limit(query.get("limit", ""))
    words, before = query.get("search", "")[:MOST_WORDS], query.get("before", "")
    found = _gallery(request).page(words, before, limit + 1)
    shown = [event_json.picture(kept) for kept in found[:limit]]
    return JSONResponse({"pictures": shown, "next": found[limit - 1].path.name if len(found) > limit else None})


def recipe(request: Request) -> Response:
    """Describe how a picture was made."""
    kept = _find(request)
    return JSONResponse(event_json.picture(kept))


def image(request: Request) -> Response:
    """Return a picture's file."""
    kept = _find(request)
    name = f"{kept.recipe.made[:10]}-{kept.id}.png" if request.query_params.get("download") == "true" else None
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    if request.query_params.get("bare") == "true":
        if name:
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return Response(png.to_png(png.read_pixels(kept.path), None), media_type="image/png", headers=headers)
    return FileResponse(kept.path, media_type="image/png", filename=name, headers=headers)


def remove(request: Request) -> Response:
    """Move a picture to the trash."""
    kept = _find(request)
    _gallery(request).remove(kept.id)
    return JSONResponse({"id": kept.id, "removed": True})


def restore(request: Request) -> Response:
    """Bring a picture back from the trash."""
    wanted = request.path_params["picture"]
    if not ID.fullmatch(wanted):
        return problems.problem(404, f"there is no picture {wanted[:60]!r}", code="not_found")
    try:
        kept = _gallery(request).restore(wanted)
    except NotThere as error:  # clients must not see our paths
        raise NotThere(str(error), "GET /v1/gallery lists the pictures") from error
    return JSONResponse(event_json.picture(kept))


def _limit(text: str) -> int:
    if not text:
        return PAGE
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= LARGEST_PAGE:
        raise Misuse(f"limit must be between 1 and {LARGEST_PAGE}, not {text[:20]!r}", f"?limit={PAGE}")
    return int(text)
