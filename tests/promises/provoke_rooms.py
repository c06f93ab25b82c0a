"""One way to provoke each kind of error of the rooms between the ground and the faces."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from provoke import provokes, raises
from test_recipe import PLAIN

from orchestrator import record
from orchestrator.errors import AudioToImageError, Cancelled, Misuse, ModelMissing, NoSpeech, NotThere, Unfit
from orchestrator.gallery import Gallery
from orchestrator.hear import speech
from orchestrator.line import library, order, pipeline
from orchestrator.paint import open_painter
from orchestrator.record.partial import Partial
from orchestrator.settings import Settings, demo_models
from orchestrator.sound import Samples
from orchestrator.worker import messages, served
from orchestrator.worker.child import Child

PICTURES = demo_models() / "pictures" / "onnx"


@provokes("record", AudioToImageError)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    (folder / "file").touch()
    return Partial(folder / "file" / "said.wav")


@provokes("record", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return list(record.record(folder / "said.wav", seconds=-1))


@provokes("record", Cancelled)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return list(record.record(folder / "said.wav", sound=_no_sound()))


def _no_sound() -> Generator[Samples]:
    yield from ()


@provokes("hear", AudioToImageError)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return speech.open_hearer(folder)


@provokes("hear", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return speech.open_hearer(folder, hearer="nobody")


@provokes("hear", ModelMissing)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return speech.open_hearer(folder / "no model.bin")


@provokes("paint", AudioToImageError)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    for path in PICTURES.glob("*.onnx"):
        (folder / path.name).touch()
    return open_painter(folder)


@provokes("paint", Misuse)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return open_painter(PICTURES, engine="no engine")


@provokes("paint", ModelMissing)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return open_painter(folder / "no model")


@provokes("paint", Unfit)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return open_painter(PICTURES, engine="coreml")


@provokes("gallery", AudioToImageError)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    gallery = Gallery(folder / "gallery")
    parent = gallery.keep(np.zeros((8, 8, 3), np.uint8), PLAIN)
    child = gallery.keep(np.zeros((8, 8, 3), np.uint8), replace(PLAIN, strength=0.5), source=parent.path)
    parent.path.unlink()
    return gallery.source(child.recipe)


@provokes("gallery", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    gallery = Gallery(folder / "gallery")
    return gallery.keep(np.zeros((8, 8, 3), np.uint8), PLAIN, output=folder / "picture.jpg")


@provokes("gallery", NotThere)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return Gallery(folder / "gallery").show("zzzz")


@provokes("worker", AudioToImageError)
def _(_folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(tempfile, "TemporaryFile", raises(FileNotFoundError(2, "No usable temporary directory")))
    return Child("speech")


@provokes("worker", messages.Died)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    child = Child("speech")
    child.process.kill()
    error = child.death()
    child.leave()
    return error


@provokes("worker", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    return served.private(folder / "open")


@provokes("line", AudioToImageError)
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(library, "find_spec", lambda _: None)  # as without the extra that converts
    return list(library.get(["sd-2.1-base"], Settings(data=folder)))


@provokes("line", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return order.find_source(Gallery(folder / "gallery"), "gone.png")


@provokes("line", NoSpeech)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return pipeline.cleaning("[MUSIC]")
