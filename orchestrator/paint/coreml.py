"""Painting with Core ML, on a Mac: our own packages, or Apple's folders."""

from __future__ import annotations

import platform
from pathlib import Path

from orchestrator.catalogue.layout import CORE_ML_NAMES, TEXT_ENCODER, UNET, core_ml_files
from orchestrator.errors import AudioToImageError
from orchestrator.paint.description import FILE_NAME, Description
from orchestrator.paint.known import describe
from orchestrator.paint.latent import LatentPainter
from orchestrator.runtime import REPAIR, coreml
from orchestrator.runtime.package import ports


def painter(folder: Path, *, compute_unit: str, threads: int | None, batch: int) -> LatentPainter:  # noqa: ARG001 - Core ML chooses its own threads
    """Open a folder of Core ML models."""
    coremltools = coreml.binding()
    folder = folder.resolve()
    description = _description(folder)
    unit = _unit(description.variant) if compute_unit == "auto" else compute_unit
    runtime = coreml.CoreMLRuntime(
        folder,
        {piece: core_ml_files(folder, piece) for piece in CORE_ML_NAMES},
        coremltools,
        compute_unit=unit,
        units={TEXT_ENCODER: {"gpu": "cpu", "all": "ne"}.get(unit, unit)},  # some systems crash with it on the GPU
    )
    return LatentPainter(description, runtime, engine="coreml", batch=batch)


def _description(folder: Path) -> Description:
    if (folder / FILE_NAME).exists():
        return Description.read(folder)
    unet = next(iter(core_ml_files(folder, UNET)), None)
    if not unet:
        raise AudioToImageError(f"{folder} has no Unet", REPAIR)
    takes = ports(unet)
    try:
        return describe(folder, takes["sample"], takes["encoder_hidden_states"])
    except KeyError as error:
        raise AudioToImageError(f"{unet} is something else: it takes {', '.join(takes)}", REPAIR) from error


def _unit(variant: str) -> str:
    """Return the Neural Engine for split_einsum, which was made for it, else the GPU; Intel's Macs have only that."""
    return "ne" if variant.startswith("split_einsum") and platform.machine() == "arm64" else "gpu"
