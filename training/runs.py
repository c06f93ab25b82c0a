"""What every training run needs: checkpoints that are never half written, and a log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint to a temporary file, then rename it."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def log(path: Path, line: str) -> None:
    """Append a line with the time of day to a log."""
    with path.open("a") as file:
        file.write(f"{time.strftime('%H:%M:%S')} {line}\n")
