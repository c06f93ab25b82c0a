"""What the person prefers, and where things stand.

Comes in: `settings.toml` in the platform's config folder, `AUDIO_TO_IMAGE_*` in the environment, flags; later ones win.
Goes out: one frozen `Settings`.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import platformdirs

from orchestrator.errors import Misuse

APP = "audio-to-image"
ENVIRONMENT = "AUDIO_TO_IMAGE_"


LEAST = {"silence": 0, "idle": 0, "queue": 1, "most_upload": 1, "most_seconds": 0, "most_pixels": 1}


def default_data() -> Path:
    """Name the folder that keeps recordings, pictures and fetched models."""
    return Path(platformdirs.user_data_dir(APP, appauthor=False))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every preference, in the one spelling that flags, recipes, JSON and settings.toml share."""

    hearer: str = "auto"
    speech_model: str = ""  # empty: the full model, else the demo model
    language: str = "auto"
    translate: bool = False
    initial_prompt: str = ""  # words to expect: names, a style of writing
    seconds: float = 10.0
    refine: bool = True  # "make it night" repaints the last picture
    silence: float = 0.8  # seconds of silence after speech that end a sentence
    device: str = ""  # empty: the system's default microphone
    engine: str = "auto"
    model: str = ""  # empty: the full model, else the demo model
    compute_unit: str = "auto"
    negative: str = ""
    seed: int | None = None  # none: a new one for each picture
    steps: int | None = None  # none: the model's own
    guidance: float | None = None
    sampler: str | None = None
    spacing: str | None = None
    count: int = 1
    strength: float = 0.8
    threads: int = 0  # 0: chosen for the model, never more than there are cores
    keep_audio: bool = False
    host: str = "127.0.0.1"  # where `serve` listens; beyond this machine it asks for a token
    port: int = 8765
    token: str = ""  # empty: made when one is needed
    idle: float = 900.0  # seconds without work after which `serve` lets its engines' memory go
    queue: int = 16  # jobs that `serve` takes on at once
    most_upload: int = 100_000_000  # bytes of a request to `serve`
    most_seconds: float = 600.0  # of sound in one
    most_pixels: int = 4_000_000  # of a picture in one
    output: Path | None = None
    data: Path = field(default_factory=default_data)

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= least):
                raise Misuse(f"{name} must be {least} or more, not {value:g}", f"{getattr(type(self), name)} is usual")

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
    chosen |= {name: value for name, value in (flags or {}).items() if value is not None and name in _kinds()}
    return replace(Settings(), **chosen)


def changed(settings: Settings, given: Mapping[str, object], place: str) -> Settings:
    """Set what was given by name, such as a request's fields; `place` names it in what goes wrong."""
    hint = f"correct it in {place}"
    for name in given.keys() - _kinds().keys():
        raise Misuse(f"{place} names an unknown field, {name!r}", hint)
    values: dict[str, Any] = {name: _typed(name, value, f"{name} in {place}", hint) for name, value in given.items()}
    return replace(settings, **values)


@cache
def _kinds() -> dict[str, tuple[type, ...]]:
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
    for name in table.keys() - _kinds().keys():
        near = difflib.get_close_matches(name, _kinds(), n=1)
        raise Misuse(f"{path} names an unknown setting, {name!r}", f"did you mean {near[0]!r}?" if near else hint)
    return {name: _typed(name, value, f"{name} in {path}", hint) for name, value in table.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = {name: ENVIRONMENT + name.upper() for name in _kinds()}
    given = {name: variable for name, variable in names.items() if environ.get(variable)}
    return {name: _typed(name, environ[variable], variable, f"unset {variable}") for name, variable in given.items()}


def _typed(name: str, value: object, place: str, hint: str) -> object:
    """Turn what a file or the environment says into the setting's type."""
    (kind,) = _kinds()[name]
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
