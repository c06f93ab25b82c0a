"""A model's folder: which graphs it holds, and which engine they are for."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.errors import Misuse, ModelMissing, Unfit

ONNX_UNET = "unet.onnx"
CORE_ML_NAMES = {
    "text_encoder": "TextEncoder",
    "unet": "Unet",
    "unet_chunk1": "UnetChunk1",
    "unet_chunk2": "UnetChunk2",
    "vae_decoder": "VAEDecoder",
    "vae_encoder": "VAEEncoder",
    "safety_checker": "SafetyChecker",
}
CORE_ML_KINDS = (".mlmodelc", ".mlpackage")
GET = "audio-to-image models get"


def core_ml(folder: Path, piece: str) -> Path | None:
    """Find a Core ML piece, compiled or not."""
    paths = (folder / f"{CORE_ML_NAMES[piece]}{kind}" for kind in CORE_ML_KINDS)
    return next((path for path in paths if path.exists()), None)


def choose(folder: Path, engine: str) -> tuple[str, Path]:
    """Choose the engine for a model, and the folder that its graphs stand in.

    `auto` is Core ML for its graphs on a Mac, else ONNX Runtime for its own. OpenVINO, an extra, is for who asks.
    A model that comes in both forms keeps each in a folder of its own, `onnx` and `coreml`.
    """
    if not folder.is_dir():
        raise ModelMissing(f"there is no picture model in {folder}", GET)
    onnx = next((place for place in (folder, folder / "onnx") if (place / ONNX_UNET).exists()), None)
    apple = next((place for place in (folder, folder / "coreml") if _has_core_ml(place)), None)
    fits = {"coreml": apple, "onnx": onnx, "openvino": onnx, "apple": apple}
    if not onnx and not apple:
        raise ModelMissing(f"{folder} holds no picture model: neither {ONNX_UNET} nor Unet.mlmodelc", GET)
    if engine == "auto":
        engine = "coreml" if apple and (sys.platform == "darwin" or not onnx) else "onnx"
    if engine not in fits:
        raise Misuse(f"there is no engine {engine!r}", f"choose one of: auto, {', '.join(fits)}")
    place = fits[engine]
    if not place:
        wants = "Core ML" if engine in ("coreml", "apple") else "ONNX"
        raise Unfit(f"{engine} wants {wants} graphs, and {folder} has none", "choose --engine auto")
    return engine, place


def _has_core_ml(folder: Path) -> bool:
    return any(core_ml(folder, piece) for piece in ("unet", "unet_chunk1"))
