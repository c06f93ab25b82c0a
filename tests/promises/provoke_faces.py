"""One way to provoke each kind of error that a face of the program makes."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from provoke import provokes, raises

from orchestrator import cli, doctor, events, record, studio
from orchestrator.errors import AudioToImageError, Busy, Cancelled, Misuse, ModelMissing, NotThere
from orchestrator.mac import agent, shortcut
from orchestrator.settings import Settings
from orchestrator.studio import forms, gallery_api, problems
from orchestrator.studio.job import Job
from orchestrator.studio.microphone import Microphone
from orchestrator.studio.openai import model_names
from orchestrator.terminal import draft
from orchestrator.terminal.keys import Key


@provokes("cli", AudioToImageError)
def _(_folder: Path, patch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as full:
        patch.setattr(sys, "stdout", full)
        patch.setattr(sys, "argv", ["audio-to-image", "models", "list"])
        cli.main()


@provokes("cli", Cancelled)
def _(_folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cli.commands, "main", raises(KeyboardInterrupt()))
    cli.main()


@provokes("cli", Misuse)
def _(_folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys, "argv", ["audio-to-image", "paint", "--json", "--output", "-", "a red house"])
    cli.main()


@provokes("doctor", AudioToImageError)
def _(_folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(record, "devices", lambda: ())
    return doctor.check("microphone", Settings())


@provokes("mac", AudioToImageError)
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setenv("PATH", str(folder))  # which has no `shortcuts`
    return list(shortcut.install(shortcut.TALKING, folder, folder / "audio-to-image"))


@provokes("mac", Misuse)
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setenv("PATH", str(folder))  # which has no `launchctl`
    return list(agent.install(folder / "audio-to-image", folder))


@provokes("terminal", Cancelled)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return draft.confirm_prompt(_keyboard(Key(name="enter")), prompt=" ")


@provokes("terminal", Misuse)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return draft.confirm_prompt(_keyboard(), prompt="a red house")


def _keyboard(*keys: Key) -> Any:
    return SimpleNamespace(there=bool(keys), forget=lambda: None, pressed=lambda _: keys)


@provokes("studio", AudioToImageError)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        studio.serve(Settings(port=other.getsockname()[1]), lambda _: None)


@provokes("studio", Misuse)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> None:
    forms.check_names({"no such field": 1}, ("prompt",))


@provokes("studio", ModelMissing)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return forms.apply(Settings(), {"model": "no such model"})


@provokes("studio", NotThere)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    state = SimpleNamespace(jobs=SimpleNamespace(settings=Settings(data=folder)))
    request = SimpleNamespace(app=SimpleNamespace(state=state), path_params={"picture": "0000000000"})
    return gallery_api.restore(cast(Any, request))


@provokes("studio", Cancelled)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> None:
    job = Job(what="picture")
    job.cancel()
    job.check()


@provokes("studio", Busy)
def _(folder: Path, _patch: pytest.MonkeyPatch) -> object:
    microphone = Microphone()
    first = microphone.sentence(_talk(), folder / "first.wav", record.Stop())
    next(first)
    return next(microphone.sentence(_talk(), folder / "second.wav", record.Stop()))


def _talk() -> Any:
    def sentence(*_: object) -> Iterator[events.Event]:
        yield events.Note(text="listening")

    return SimpleNamespace(sentence=sentence)


@provokes("studio", problems.WrongField)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return model_names.setting("speech", 7, Settings())


@provokes("studio", problems.UnknownModel)
def _(_folder: Path, _patch: pytest.MonkeyPatch) -> object:
    return model_names.setting("speech", "no such model", Settings())
