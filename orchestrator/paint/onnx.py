"""Painting with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

from orchestrator.catalogue.layout import UNET
from orchestrator.paint.description import Description
from orchestrator.paint.latent import LatentPainter
from orchestrator.runtime.onnx import OnnxRuntime


def painter(folder: Path, *, compute_unit: str, threads: int | None, batch: int) -> LatentPainter:
    """Open a folder of ONNX graphs."""
    description = Description.read(folder)
    # Pooled memory makes steps faster; but a decoder's planes are large, and it runs once for each picture.
    runtime = OnnxRuntime(folder, compute_unit=compute_unit, threads=threads, arena={UNET})
    return LatentPainter(description, runtime, engine="onnx", batch=batch)
