"""Which models there are, and which of them is used: a kind and the settings come in, a Chosen model goes out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator import settings as places
from orchestrator.errors import ModelMissing
from orchestrator.settings import Settings

DEMO = "demo"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A model on this machine that a run uses."""

    name: str
    path: Path  # a ggml file, or a picture model's folder
    revision: str = ""
    digest: str = ""
    demo: bool = False


def choose(kind: str, settings: Settings) -> Chosen:
    """Choose the model of a kind, "speech" or "picture": the one asked for, else the full one, else the demo model."""
    asked = settings.speech_model if kind == "speech" else settings.model
    if asked in ("", DEMO):
        return _demo(kind)
    if Path(asked).exists():
        return Chosen(name=Path(asked).name, path=Path(asked).absolute())
    raise ModelMissing(f"the model {asked} is not on this machine", f"audio-to-image models get {asked}")


def _demo(kind: str) -> Chosen:
    runtime = "coreml" if sys.platform == "darwin" else "onnx"
    name = "ggml-demo.bin" if kind == "speech" else f"pictures/{runtime}"
    return Chosen(name=DEMO, path=places.demo_models() / name, revision="1", demo=True)
