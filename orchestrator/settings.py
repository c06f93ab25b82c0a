"""A person's settings, and the folders that the program uses.

They are read from `settings.toml` in the platform's config folder, then `AUDIO_TO_IMAGE_*` in the environment, then
flags; later ones win.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from orchestrator import typed
from orchestrator.choices import MAX_THREADS, Hearing, PaintEngine, Painting, choice
from orchestrator.errors import Misuse

APP = "audio-to-image"
ENVIRONMENT = "AUDIO_TO_IMAGE_"


def default_data() -> Path:
    """Return the folder for recordings, pictures and fetched models."""
    return Path(platformdirs.user_data_dir(APP, appauthor=False))


@dataclass(frozen=True, kw_only=True)
class Settings(Hearing, PaintEngine, Painting):
    """Every setting; flags, recipes, JSON and settings.toml use the same names."""

    seconds: float = choice(10.0, "The longest recording.")
    refine: bool = choice(True, 'Let "make it night" repaint the last picture.')
    silence: float = choice(0.8, "The silence that ends a sentence.", metavar="SECONDS", least=0)
    device: str = choice("", "The microphone; `audio-to-image devices` lists them.", metavar="ID")
    threads: int = choice(
        0, "Processor threads; 0 chooses.", metavar="N", least=0, most=MAX_THREADS
    )  # at most the number of cores is used
    keep_audio: bool = choice(False, "Keep the recording too.")
    host: str = choice("127.0.0.1", "The address to serve on; others than loopback need a token.", metavar="ADDRESS")
    port: int = choice(8765, "The port to serve on; 0 takes a free one.", metavar="N")
    token: str = choice("", "The token that clients must send; generated if one is needed.", metavar="WORDS")
    idle: float = choice(900.0, "Unload the engines after this long without work.", metavar="SECONDS", least=0)
    queue: int = choice(16, "The most jobs that `serve` accepts at once.", least=1)
    most_upload: int = choice(100_000_000, "The most bytes in a request to `serve`.", least=1)
    most_seconds: float = choice(600.0, "The most seconds of sound in a request.", least=0)
    most_pixels: int = choice(4_000_000, "The most pixels of a picture in a request.", least=1)
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
        """The socket of a running `serve`; the path is short because macOS allows 104 bytes."""
        name = hashlib.sha256(os.fsencode(self.data.absolute())).hexdigest()[:12]
        return Path(f"/tmp/audio-to-image-{os.getuid()}") / f"{name}.socket"  # noqa: S108 - its owner is checked before use

    @property
    def models(self) -> Path:
        """The folder of fetched models: a checkout's own models/ unless `data` is set, else one in `data`."""
        shipped = shipped_models()
        ours = self.data == default_data() and (shipped.parent / "pyproject.toml").exists()
        return shipped if ours else self.data / "models"


def shipped_models() -> Path:
    """Return the program's own folder with the catalogue and the demo models."""
    package = Path(__file__).resolve().parent
    inside = package / "models"
    return inside if inside.exists() else package.parent / "models"


def demo_models() -> Path:
    return shipped_models() / "demo"


def settings_file() -> Path:
    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / "settings.toml"


def load(flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the file, the environment and the flags that are not None."""
    environ = os.environ if environment is None else environment
    chosen = _from_file(settings_file()) | _from_environment(environ)
    chosen |= {name: value for name, value in (flags or {}).items() if value is not None and name in kinds()}
    return replace(Settings(), **chosen)


def override(settings: Settings, given: Mapping[str, object], place: str) -> Settings:
    """Return the settings with some values replaced, such as a request's fields; errors name their `place`."""
    hint = f"correct it in {place}"
    for name in given.keys() - kinds().keys():
        raise Misuse(f"{place} names an unknown field, {name!r}", hint)
    values: dict[str, Any] = {name: _typed(name, value, f"{name} in {place}", hint) for name, value in given.items()}
    return replace(settings, **values)


@cache
def kinds() -> dict[str, type]:
    """Return the type of each setting, without None."""
    return {name: typed.plain(hint) for name, hint in typed.hints(Settings).items()}


def _from_file(path: Path) -> dict[str, Any]:
    hint = f"edit {path}"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:  # deep nesting; a number with too many digits
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
    """Convert a value from a file, the environment or a request to the setting's type."""
    kind = kinds()[name]
    try:
        return typed.parse(value, kind)
    except (TypeError, ValueError) as error:
        raise Misuse(f"{place} should be {typed.NAMES[kind]}, not {value!r:.60}", hint) from error
