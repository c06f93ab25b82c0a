"""One way to provoke each kind of error of the rooms between the ground and the faces."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from provoke import provokes, raises
from test_recipe import PLAIN

from orchestrator import record
from orchestrator.diffusion import loop
from orchestrator.diffusion.noise import Betas
from orchestrator.errors import AudioToImageError, Cancelled, Misuse, ModelMissing, NoSpeech, NotThere, Unfit
from orchestrator.gallery import Gallery
from orchestrator.gallery.source import Source
from orchestrator.hear import speech
from orchestrator.line import library, pipeline
from orchestrator.line.destination import make_destination
from orchestrator.line.engines import Line
from orchestrator.line.order import Prompt, make_order
from orchestrator.paint import Wish, open_painter
from orchestrator.record.partial import Partial
from orchestrator.runtime import coreml
from orchestrator.runtime.onnx import OnnxRuntime
from orchestrator.settings import Settings, demo_models
from orchestrator.sound import Samples
from orchestrator.worker import messages, served
from orchestrator.worker.call import Call
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
    return Wish(prompt="", seed=7)


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
    child = gallery.keep(np.zeros((8, 8, 3), np.uint8), replace(PLAIN, strength=0.5), source=Source(path=parent.path))
    parent.path.unlink()
    return gallery.source(child.recipe)


@provokes("gallery", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return Gallery(folder / "gallery").find_source("gone.png")


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
    return make_destination(Settings(data=folder, output=folder / "picture.gif"))


@provokes("line", NoSpeech)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return pipeline.clean_words("[MUSIC]")


@provokes("line", Cancelled)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    line = Line(Settings(data=folder))
    ended: Call[object] = Call(_NoEngine(), 1)
    ended.cancel()
    return list(pipeline.follow_painting(line, make_order(line.settings, Prompt(text="a"), None), cast(Any, ended)))


@provokes("worker", Cancelled)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    call: Call[object] = Call(_NoEngine(), 1)
    call.cancel()
    return call.result()


class _NoEngine:
    """An engine that never answers."""

    def tick(self) -> None: ...

    def wait(self) -> None: ...

    def collect(self) -> None: ...

    def cancel(self, number: int) -> None: ...


@provokes("runtime", AudioToImageError)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return OnnxRuntime(folder, compute_unit="auto", threads=1).open("unet")


@provokes("runtime", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return OnnxRuntime(folder, compute_unit="ne", threads=1)


@provokes("runtime", Unfit)
def _(_folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(sys, "platform", "linux")
    return coreml.binding()


@provokes("diffusion", Misuse)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return loop.plan(Betas(start=0.00085, end=0.012), sampler="ddim", spacing="no such spacing", steps=4)
