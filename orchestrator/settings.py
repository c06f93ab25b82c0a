"""What the person prefers, and where things stand.

Comes in: `settings.toml` in the platform's config folder, `AUDIO_TO_IMAGE_*` in the environment, flags; later ones win.
Goes out: one frozen `Settings`.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import platformdirs

from orchestrator.choices import Hearing, PaintEngine, Painting, choice
from orchestrator.errors import Misuse

APP = "audio-to-image"
ENVIRONMENT = "AUDIO_TO_IMAGE_"


def default_data() -> Path:
    """Name the folder that keeps recordings, pictures and fetched models."""
    return Path(platformdirs.user_data_dir(APP, appauthor=False))


@dataclass(frozen=True, kw_only=True)
class Settings(Hearing, PaintEngine, Painting):
    """Every preference, in the one spelling that flags, recipes, JSON and settings.toml share."""

    seconds: float = choice(10.0, "The longest recording.")
    refine: bool = choice(True, 'Let "make it night" repaint the last picture.')
    silence: float = choice(0.8, "The silence that ends a sentence.", metavar="SECONDS", least=0)
    device: str = choice("", "The microphone; `audio-to-image devices` lists them.", metavar="ID")
    threads: int = choice(0, "Processor threads; 0 chooses.", metavar="N")  # never more than there are cores
    keep_audio: bool = choice(False, "Keep the recording too.")
    host: str = choice("127.0.0.1", "Another address than this machine's own; asks for a token.", metavar="ADDRESS")
    port: int = choice(8765, "The port to serve on; 0 takes a free one.", metavar="N")
    token: str = choice("", "The token that clients must bring; made for you where one is needed.", metavar="WORDS")
    idle: float = choice(900.0, "Unload the engines after so long without work.", metavar="SECONDS", least=0)
    queue: int = choice(16, "Jobs that `serve` accepts at once.", least=1)
    most_upload: int = choice(100_000_000, "Bytes of a request to `serve`.", least=1)
    most_seconds: float = choice(600.0, "Seconds of sound in a request.", least=0)
    most_pixels: int = choice(4_000_000, "Pixels of a picture in a request.", least=1)
    output: Path | None = choice(None, "A file or a folder for the result.")
    data: Path = field(default_factory=default_data)

    @property
    def recordings(self) -> Path:
        return self.data / "recordings"

    @property
    def gallery(self) -> Path:
        return self.data / "gallery"

    @property
    def socket(self) -> Path:
        """Where a running `serve` is reached: a short path, for macOS allows 104 bytes."""
        name = hashlib.sha256(os.fsencode(self.data.absolute())).hexdigest()[:12]
        return Path(f"/tmp/audio-to-image-{os.getuid()}") / f"{name}.socket"  # noqa: S108 - looked at before use

    @property
    def models(self) -> Path:
        """Where fetched models stand: in a checkout's own models/ unless `data` is set, else among the data."""
        shipped = shipped_models()
        ours = self.data == default_data() and (shipped.parent / "pyproject.toml").exists()
        return shipped if ours else self.data / "models"


def shipped_models() -> Path:
    """Find the folder that came with the program and holds the catalogue and the demo models."""
    package = Path(__file__).resolve().parent
    inside = package / "models"
    return inside if inside.exists() else package.parent / "models"


def demo_models() -> Path:
    return shipped_models() / "demo"


def settings_file() -> Path:
    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / "settings.toml"


def load(flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings: the file, then the environment, then flags that are not None."""
    environ = os.environ if environment is None else environment
    chosen = _from_file(settings_file()) | _from_environment(environ)
    chosen |= {name: value for name, value in (flags or {}).items() if value is not None and name in kinds()}
    return replace(Settings(), **chosen)


def changed(settings: Settings, given: Mapping[str, object], place: str) -> Settings:
    """Set what was given by name, such as a request's fields; `place` names it in what goes wrong."""
    hint = f"correct it in {place}"
    for name in given.keys() - kinds().keys():
        raise Misuse(f"{place} names an unknown field, {name!r}", hint)
    values: dict[str, Any] = {name: _typed(name, value, f"{name} in {place}", hint) for name, value in given.items()}
    return replace(settings, **values)


@cache
def kinds() -> dict[str, tuple[type, ...]]:
    """Map each setting to the types it takes, None left out."""
    hints = get_type_hints(Settings)
    kinds = {each.name: get_args(hints[each.name]) or (hints[each.name],) for each in fields(Settings)}
    return {name: tuple(kind for kind in kinds[name] if kind is not type(None)) for name in kinds}


def _from_file(path: Path) -> dict[str, Any]:
    hint = f"edit {path}"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:  # tomllib counts neither brackets nor digits
        raise Misuse(f"cannot read the settings in {path}: {error}", hint) from error
    for name in table.keys() - kinds().keys():
        near = difflib.get_close_matches(name, kinds(), n=1)
        raise Misuse(f"{path} names an unknown setting, {name!r}", f"did you mean {near[0]!r}?" if near else hint)
    return {name: _typed(name, value, f"{name} in {path}", hint) for name, value in table.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = {name: ENVIRONMENT + name.upper() for name in kinds()}
    given = {name: variable for name, variable in names.items() if environ.get(variable)}
    return {name: _typed(name, environ[variable], variable, f"unset {variable}") for name, variable in given.items()}


def _typed(name: str, value: object, place: str, hint: str) -> object:
    """Turn what a file or the environment says into the setting's type."""
    (kind,) = kinds()[name]
    try:
        if kind is bool:
            return _truth(value)
        if isinstance(value, bool | list | dict) or (kind is int and isinstance(value, float)):
            raise ValueError(value)
        if kind is Path and "\0" in str(value):
            raise ValueError(value)
        return kind(str(value)).expanduser() if kind is Path else kind(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # RuntimeError: ~nobody
        raise Misuse(f"{place} should be {_NAMES[kind]}, not {value!r:.60}", hint) from error


_NAMES: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}


def _truth(value: object) -> bool:
    truths = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return truths[str(value).lower()]
    except KeyError as error:
        raise ValueError(value) from error
