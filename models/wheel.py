"""Build hook that puts the catalogue and the demo models into the wheel; editable installs use this folder."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INCLUDED = (
    "catalogue.toml",
    "demo/ggml-demo.bin",
    "demo/pictures",
    "demo/recordings",
    "demo/SPEECH.md",
    "demo/PICTURES.md",
)


class IncludeModels(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build_data["force_include"] |= {f"models/{name}": f"orchestrator/models/{name}" for name in INCLUDED}
