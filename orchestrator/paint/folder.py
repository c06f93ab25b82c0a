"""Choose the engine for a model's folder by the graphs that it holds."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.catalogue.layout import ONNX_UNET, UNET, core_ml_files
from orchestrator.errors import ModelMissing, Unfit

CORE_ML_ENGINES = ("coreml", "apple")
GET = "audio-to-image models get"


def choose(folder: Path, engine: str) -> tuple[str, Path]:
    """Return the engine for a model and the folder that holds its graphs.

    `auto` is Core ML for Core ML graphs on a Mac, else ONNX Runtime; OpenVINO, an extra, must be chosen by name.
    A model that comes in both forms keeps each in a folder of its own, `onnx` and `coreml`.
    """
    if not folder.is_dir():
        raise ModelMissing(f"there is no picture model in {folder}", GET)
    onnx = next((place for place in (folder, folder / "onnx") if (place / ONNX_UNET).exists()), None)
    core_ml = next((place for place in (folder, folder / "coreml") if core_ml_files(place, UNET)), None)
    if not onnx and not core_ml:
        raise ModelMissing(f"{folder} holds no picture model: neither {ONNX_UNET} nor Unet.mlmodelc", GET)
    if engine == "auto":
        engine = "coreml" if core_ml and (sys.platform == "darwin" or not onnx) else "onnx"
    place = core_ml if engine in CORE_ML_ENGINES else onnx
    if not place:
        wants = "Core ML" if engine in CORE_ML_ENGINES else "ONNX"
        raise Unfit(f"{engine} wants {wants} graphs, and {folder} has none", "choose --engine auto")
    return engine, place
