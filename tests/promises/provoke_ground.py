"""One way to provoke each kind of error of the ground modules and of the rooms for models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from provoke import provokes

from orchestrator import catalogue, choices, convert, fetch, files, picture, recordings, settings, shell, sound
from orchestrator.errors import AudioToImageError, Misuse, ModelMissing, NoSpeech, NotThere, Unreadable
from orchestrator.fetch import hub
from orchestrator.recipe import NotARecipe, Recipe
from orchestrator.settings import Settings


@provokes("choices", Misuse)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> None:
    choices.check(choices.Painting(sampler="none"))


@provokes("settings", Misuse)
def _(_folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setenv("AUDIO_TO_IMAGE_STEPS", "many")
    return settings.load()


@provokes("files", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "pipe.png")
    files.write_whole(folder / "pipe.png", b"")


@provokes("files", AudioToImageError)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> None:
    files.write_whole(folder / "no folder" / "file", b"")


@provokes("shell", AudioToImageError)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return shell.start(["/nowhere/nothing"])


@provokes("recipe", NotARecipe)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return Recipe.from_json("{")


@provokes("picture", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    (folder / "text.png").write_text("this is no picture")
    return picture.read_pixels(folder / "text.png")


@provokes("recordings", NotThere)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return recordings.find(folder, "gone")


@provokes("recordings", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    for name in ("said-1.wav", "said-2.wav"):
        (folder / name).write_bytes(b"")
    return recordings.find(folder, "said")


@provokes("sound", AudioToImageError)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return sound.write_wav(folder / "no folder" / "sound.wav", [])


@provokes("sound", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return list(sound.read(folder / "no file.wav"))


@provokes("sound", Unreadable)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    (folder / "text.wav").write_text("this is no sound")
    return list(sound.read(folder / "text.wav"))


@provokes("sound", NoSpeech)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    sound.write_wav(folder / "empty.wav", [])
    return list(sound.read(folder / "empty.wav"))


@provokes("catalogue", AudioToImageError)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return catalogue.parse(b"[[family")


@provokes("catalogue", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return catalogue.choose("picture", Settings(data=folder, model="demo-speech"))


@provokes("catalogue", ModelMissing)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return catalogue.load().find("no such model")


@provokes("fetch", AudioToImageError)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    (folder / "models" / "tiny").mkdir(parents=True)  # the user's own, so fetching does not replace it
    return list(fetch.get(catalogue.load().find("tiny"), Settings(data=folder)))


@provokes("fetch", hub.HubError)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return hub.listing("two//slashes", "")


@provokes("fetch", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return list(fetch.remove(catalogue.load().find("demo-speech"), Settings(data=folder)))


@provokes("fetch", ModelMissing)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return list(fetch.remove(catalogue.load().find("tiny"), Settings(data=folder)))


@provokes("convert", AudioToImageError)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return list(convert.convert(folder, folder / "converted", to="onnx"))


@provokes("convert", Misuse)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return list(convert.convert(folder, folder / "converted", to="paper"))
