"""Bundles: models in one file, for a machine without a network.

A bundle is a tar: first `bundle.json`, the records of its models, then their files, each checked against its record.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import IO

from orchestrator import fetch, files
from orchestrator.catalogue import Catalogue, Model, seen
from orchestrator.catalogue.seen import File, Seen
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Event, ModelHere
from orchestrator.fetch import progress
from orchestrator.fetch.download import sha1
from orchestrator.settings import Settings

MANIFEST = "bundle.json"
# What zipfile raises on archives that are broken, encrypted or compressed in a way it does not know.
ARCHIVE_FAULTS = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
FORMAT = 1


def bundle(models: Sequence[Model], out: Path, settings: Settings) -> Iterator[Event]:
    """Verify models and write them into one file."""
    files.check_place(out)
    for model in models:
        yield from fetch.verify(model, settings)
    records = [record for model in models if (record := Seen.read(settings.models, model.name))]
    listed = {"format": FORMAT, "models": [json.loads(record.to_json()) for record in records]}
    part = out.with_name(f".{out.name}.{os.getpid()}{files.PART}")
    try:
        with tarfile.open(part, "w") as tar:
            _add_bytes(tar, MANIFEST, json.dumps(listed).encode())
            for record in records:
                for file in record.files:
                    yield progress.working(record.name, f"bundling {file.path}")
                    name = f"{record.name}/{file.path}"
                    tar.add(settings.models / name, name, recursive=False, filter=_anonymous)
        part.replace(out)
    except OSError as error:
        raise files.not_written(out, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def add(path: Path, catalogue: Catalogue, settings: Settings) -> Iterator[Event]:
    """Install the models of a bundle; each file is checked against its record first."""
    try:
        with tarfile.open(path, "r:") as tar:
            for record in _records(tar):
                model = catalogue.find(record.name)
                yield from fetch.exclusively(model, settings, lambda folder: _add(tar, model, record, folder))  # noqa: B023 (used at once)
    except (tarfile.TarError, EOFError) as error:
        raise _broken(path, "it is not a bundle, or incomplete") from error
    except OSError as error:
        raise Misuse(f"cannot read {path}: {error.strerror}", f"ls -l {quote(str(path))}") from error


def _records(tar: tarfile.TarFile) -> tuple[Seen, ...]:
    """Read the records at the beginning of a bundle."""
    first = tar.next()
    content = tar.extractfile(first) if first and first.isreg() and first.name == MANIFEST else None
    if not content or not first or first.size > seen.MAX_BYTES:
        raise _broken(Path(str(tar.name)), f"it does not begin with {MANIFEST}")
    try:
        listed = json.loads(content.read())
        return tuple(Seen.from_json(json.dumps(each)) for each in listed["models"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _broken(Path(str(tar.name)), f"its list of models cannot be read: {error}") from error


def _add(tar: tarfile.TarFile, model: Model, record: Seen, folder: Path) -> Iterator[Event]:
    known = Seen.read(folder, model.name)
    if known and known.files != record.files:
        raise AudioToImageError(
            f"the bundle's {model.name} differs from the one that was fetched here before",
            f"to accept it anyway: rm {quote(str(seen.place(folder, model.name)))}",
        )
    here = known is not None and not known.damaged(folder / model.name)
    if not here:
        yield from progress.terms(model)
    whole = folder / f".{model.name}.part" / "bundled"
    try:
        for file in record.files:
            yield progress.working(model.name, f"{'skipping' if here else 'unpacking'} {file.path}")
            _take(tar, record.name, file, None if here else whole)
        if not here:
            _check_sha1(model, record, whole)
            fetch.move_into_place(record, whole, folder)
    finally:
        shutil.rmtree(whole, ignore_errors=True)
    yield ModelHere(name=model.name, path=folder / model.name)


def _take(tar: tarfile.TarFile, name: str, file: File, whole: Path | None) -> None:
    """Unpack the next file of a bundle, which must be the one its record lists next; skip it if `whole` is None."""
    member, bundle_ = tar.next(), Path(str(tar.name))
    content = tar.extractfile(member) if member and member.isreg() else None
    if not member or not content or (member.name, member.size) != (f"{name}/{file.path}", file.size):
        raise _broken(bundle_, f"{name}/{file.path} should come next, not {member.name if member else 'its end'}")
    if whole:
        target = whole / file.path
        files.make_folder(target.parent)
        if _copy(content, target) != file.sha256:
            raise _broken(bundle_, f"{name}/{file.path} does not match its checksum")


def _copy(content: IO[bytes], target: Path) -> str:
    digest = hashlib.sha256()
    try:
        with target.open("wb") as out:
            while block := content.read(files.BLOCK_BYTES):
                digest.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise files.not_written(target, error) from error
    return digest.hexdigest()


def unzip(fetched: Path, whole: Path) -> Iterator[str]:
    """Unpack the archives that arrived, as a `fetch.Make`."""
    for path in sorted(fetched.glob("*.zip")):
        try:
            with zipfile.ZipFile(path) as archive:
                for entry in archive.infolist():
                    if not seen.safe(entry.filename.rstrip("/")):
                        raise _broken(path, f"{entry.filename!r} would leave its folder")
                for entry in archive.infolist():
                    if not entry.is_dir():
                        yield f"unpacking {entry.filename}"
                        target = whole / entry.filename
                        files.make_folder(target.parent)
                        with archive.open(entry) as content:
                            _copy(content, target)
        except ARCHIVE_FAULTS as error:
            raise _broken(path, str(error) or type(error).__name__) from error


def _check_sha1(model: Model, record: Seen, whole: Path) -> None:
    for file in record.files if model.sha1 else ():
        if sha1(whole / file.path) != model.sha1:
            raise AudioToImageError(f"the bundle's {model.name} is not the published one", "audio-to-image models get")


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove the owner and the time from an entry."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def _broken(path: Path, why: str) -> AudioToImageError:
    return AudioToImageError(f"{path} cannot be used: {why}", "make or copy it again: audio-to-image models bundle")
