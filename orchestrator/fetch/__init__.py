"""Models fetched to this machine: complete and verified, or not at all.

Files gather in `.NAME.part` beside the final folder; the next call resumes where the last one stopped. `NAME.json`
records what arrived, and other files are refused later.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from shlex import quote

from orchestrator import files
from orchestrator.catalogue import Model, seen
from orchestrator.catalogue.seen import File, Seen
from orchestrator.errors import AudioToImageError, Misuse, ModelMissing
from orchestrator.events import Event, ModelHere
from orchestrator.fetch import download, hub, progress
from orchestrator.fetch.download import Wanted
from orchestrator.fetch.hub import HubError, Listing, Remote
from orchestrator.settings import Settings

Make = Callable[[Path, Path], Iterator[str]]  # makes the model from the files that arrived; yields what it does


def get(model: Model, settings: Settings, *, make: Make | None = None, renew: bool = False) -> Iterator[Event]:
    """Fetch a model unless it is here; `renew` accepts other files than last time."""
    yield from progress.with_rate(exclusively(model, settings, lambda folder: _get(model, folder, make, renew)))


def exclusively(model: Model, settings: Settings, act: Callable[[Path], Iterator[Event]]) -> Generator[Event]:
    """Work on a model's folder while no other process does."""
    if model.demo:
        raise Misuse(f"{model.name} comes with the program", "audio-to-image models list")
    folder = files.make_folder(settings.models)
    lock = folder / f".{model.name}.lock"
    with files.lock(lock, wait=False) as free:
        if free:
            yield from act(folder)
            return
    yield progress.waiting(model.name, "another process is working on it")
    with files.lock(lock):
        yield from act(folder)


def _get(model: Model, folder: Path, make: Make | None, renew: bool) -> Generator[Event]:
    known = None if renew else Seen.read(folder, model.name)
    if not known or known.damaged(folder / model.name):
        yield from progress.terms(model)
        staging = _staging(model, folder, known)
        arrived = yield from _from_somewhere(model, staging / "fetched", known)
        whole = staging / "fetched"
        if make:
            whole = staging / model.name
            shutil.rmtree(whole, ignore_errors=True)
            yield from (progress.working(model.name, what) for what in make(staging / "fetched", whole))
            arrived = replace(arrived, files=tuple(seen.look(whole)))
        move_into_place(arrived, whole, folder)
        shutil.rmtree(staging, ignore_errors=True)
    yield ModelHere(name=model.name, path=folder / model.name)


def _staging(model: Model, folder: Path, known: Seen | None) -> Path:
    """Prepare the folder where files gather; a damaged model is moved there, as most of its files may be good."""
    staging, place = folder / f".{model.name}.part", folder / model.name
    if place.exists() and not seen.place(folder, model.name).exists():
        raise AudioToImageError(
            f"{place} is in the way: it was not fetched",
            f"mv {quote(str(place))} {quote(f'{place}.mine')}",
        )
    files.make_folder(staging)
    if known and known.files == known.fetched and place.exists() and not (staging / "fetched").exists():
        place.rename(staging / "fetched")
    files.make_folder(staging / "fetched")
    return staging


def move_into_place(arrived: Seen, whole: Path, folder: Path) -> None:
    """Give a verified model its final name; its record is written first, so that no model is without one."""
    place = folder / arrived.name
    try:
        arrived.write(folder)
        if place.exists():
            shutil.rmtree(place)
        whole.rename(place)
    except OSError as error:
        raise files.not_written(place, error) from error
    files.sync_folder(folder)


def _from_somewhere(model: Model, fetched: Path, known: Seen | None) -> Generator[Event, None, Seen]:
    """Fetch from the repository, else from its mirrors in turn."""
    *others, last = model.repository, *model.mirrors
    for repository in others:
        try:
            return (yield from _from(repository, model, fetched, known))
        except HubError as error:
            yield progress.waiting(model.name, f"{error}; trying a mirror")
    return (yield from _from(last, model, fetched, known))


def _from(repository: str, model: Model, fetched: Path, known: Seen | None) -> Generator[Event, None, Seen]:
    revision = model.revision if repository == model.repository else ""
    if known and known.repository == repository:
        revision = known.commit
    listing = yield from _listing(model, repository, revision)
    wanted = _wanted(model, listing, known)
    _check_space(model, fetched, wanted)
    arrived = yield from _all(fetched, wanted)
    licence = f"{model.licence.name} {model.licence.link}".strip()
    return Seen(
        name=model.name,
        repository=repository,
        commit=listing.commit,
        licence=licence,
        fetched=arrived,
        files=arrived,
    )


def _listing(model: Model, repository: str, revision: str) -> Generator[Event, None, Listing]:
    tries = 0
    while True:
        try:
            return hub.listing(repository, revision)
        except HubError as error:
            tries += 1
            if not error.again or tries == download.TRIES:
                raise
            yield progress.waiting(model.name, str(error))
            download.pause(tries, error.seconds)


def _wanted(model: Model, listing: Listing, known: Seen | None) -> tuple[Wanted, ...]:
    """Choose a repository's files; raise HubError if one has changed since or its path leaves the folder."""
    chosen = [remote for remote in listing.files if _matches(remote.path, model.files, model.without)]
    for remote in chosen:
        if not seen.safe(remote.path) or remote.path.endswith(files.PART):
            raise HubError(
                f"{listing.repository} lists a file that would leave its folder: {remote.path!r}",
                "another model: audio-to-image models list",
            )
    unmet = [pattern for pattern in model.files if not any(fnmatchcase(each.path, pattern) for each in chosen)]
    if unmet:
        raise HubError(f"{listing.repository} has no {unmet[0]}", "audio-to-image models list")
    seen_before = {file.path: file for file in known.fetched} if known else {}
    if known and not _same(seen_before, chosen):
        renew = f"audio-to-image models get --renew {model.name}"
        raise HubError(f"{listing.repository} has other files for {model.name} than when it was first fetched", renew)
    total, before, wanted = sum(each.size for each in chosen), 0, []
    for remote in chosen:
        sha256 = seen_before[remote.path].sha256 if seen_before else ""
        wanted.append(
            Wanted(
                model=model.name,
                repository=listing.repository,
                commit=listing.commit,
                remote=remote,
                before=before,
                total=total,
                sha256=sha256,
                sha1=model.sha1,
            )
        )
        before += remote.size
    return tuple(wanted)


def _matches(path: str, patterns: Sequence[str], without: Sequence[str]) -> bool:
    """Match as the hub does: a star also matches slashes."""
    return any(fnmatchcase(path, each) for each in patterns) and not any(fnmatchcase(path, each) for each in without)


def _same(before: dict[str, File], chosen: Sequence[Remote]) -> bool:
    return before.keys() == {each.path for each in chosen} and all(
        each.size == before[each.path].size and each.sha256 in ("", before[each.path].sha256) for each in chosen
    )


def _check_space(model: Model, fetched: Path, wanted: Sequence[Wanted]) -> None:
    there = sum(file.stat().st_size for file in fetched.rglob("*") if file.is_file())
    total = sum(each.remote.size for each in wanted) * (2 if model.convert else 1)  # and the converted model
    free = shutil.disk_usage(fetched).free
    if total - there > free:
        amounts = f"{(total - there) / 1e9:.2f} GB more, and {free / 1e9:.2f} GB are free in {fetched.parent.parent}"
        raise AudioToImageError(f"the disk is too full for {model.name}: it takes {amounts}", "free some space")


def _all(fetched: Path, wanted: Sequence[Wanted]) -> Generator[Event, None, tuple[File, ...]]:
    arrived: tuple[File, ...] = ()
    for each in wanted:
        arrived += ((yield from download.download(each, fetched / each.remote.path)),)
    return arrived


def verify(model: Model, settings: Settings) -> Iterator[Event]:
    """Check every file of a model; delete a damaged one, so that `get` fetches it again."""
    yield from exclusively(model, settings, lambda folder: _verify(model, folder))


def _verify(model: Model, folder: Path) -> Iterator[Event]:
    known, place = Seen.read(folder, model.name), folder / model.name
    if not known or not place.exists():
        raise ModelMissing(f"the model {model.name} is not here", f"audio-to-image models get {model.name}")
    damaged = []
    for file in known.files:
        yield progress.working(model.name, f"checking {file.path}")
        path = place / file.path
        if seen.size_of(path) != file.size or files.sha256(path) != file.sha256:
            damaged.append(file.path)
            with suppress(OSError):
                path.unlink(missing_ok=True)
    if damaged:
        what = f"{damaged[0]}{f' and {len(damaged) - 1} more' if damaged[1:] else ''}"
        raise AudioToImageError(f"{model.name} is damaged: {what}", f"audio-to-image models get {model.name}")
    yield ModelHere(name=model.name, path=place)


def remove(model: Model, settings: Settings) -> Iterator[Event]:
    """Delete a model and unfinished files of it; its record stays."""
    yield from exclusively(model, settings, lambda folder: _remove(model, folder))


def _remove(model: Model, folder: Path) -> Iterator[Event]:
    place, staging, gone = folder / model.name, folder / f".{model.name}.part", folder / f".{model.name}.gone"
    if not any(each.exists() for each in (place, staging, gone)):
        raise ModelMissing(f"the model {model.name} is not here", "audio-to-image models list")
    yield progress.working(model.name, "removing")
    try:
        if place.exists():
            place.rename(gone)  # in one step: half a model never has its name
        for each in (gone, staging):
            shutil.rmtree(each, ignore_errors=not each.exists())
    except OSError as error:
        raise files.not_written(place, error) from error
