"""Painting with OpenVINO: the same ONNX graphs, faster on Intel's and AMD's processors."""

from __future__ import annotations

from pathlib import Path

from orchestrator.paint.description import Description
from orchestrator.paint.latent import LatentPainter
from orchestrator.runtime.openvino import FULL, OpenVinoRuntime


def painter(
    folder: Path, *, compute_unit: str, threads: int | None, batch: int, precision: str = FULL
) -> LatentPainter:
    """Open a folder of ONNX graphs in OpenVINO."""
    runtime = OpenVinoRuntime(folder, compute_unit=compute_unit, threads=threads, precision=precision)
    return LatentPainter(Description.read(folder), runtime, engine="openvino", batch=batch)
