"""The names of a picture model's graphs in its folder: fetching, converting and painting all read them here."""

from __future__ import annotations

from pathlib import Path

TEXT_ENCODER, UNET = "text_encoder", "unet"
VAE_DECODER, VAE_ENCODER = "vae_decoder", "vae_encoder"
SAFETY_CHECKER = "safety_checker"

ONNX_UNET = f"{UNET}.onnx"
CORE_ML_NAMES = {
    TEXT_ENCODER: "TextEncoder",
    UNET: "Unet",
    VAE_DECODER: "VAEDecoder",
    VAE_ENCODER: "VAEEncoder",
    SAFETY_CHECKER: "SafetyChecker",
}
CORE_ML_PARTS = {UNET: ("UnetChunk1", "UnetChunk2")}  # of a piece that Apple's converter cut
CORE_ML_KINDS = (".mlmodelc", ".mlpackage")
OPENED = (  # each stands in the folder that an engine opens
    ONNX_UNET,
    *(f"{name}{kind}" for name in (CORE_ML_NAMES[UNET], CORE_ML_PARTS[UNET][0]) for kind in CORE_ML_KINDS),
)


def core_ml_files(folder: Path, piece: str) -> tuple[Path, ...]:
    """Return the Core ML models that make up a piece: none, one, or the parts that it was cut into."""
    whole = _model(folder, CORE_ML_NAMES[piece])
    if whole:
        return (whole,)
    parts = CORE_ML_PARTS.get(piece, ())
    if not parts or not _model(folder, parts[0]):
        return ()
    return tuple(_model(folder, part) or folder / f"{part}{CORE_ML_KINDS[0]}" for part in parts)


def _model(folder: Path, name: str) -> Path | None:
    paths = (folder / f"{name}{kind}" for kind in CORE_ML_KINDS)
    return next((path for path in paths if path.exists()), None)
