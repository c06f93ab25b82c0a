"""Where the demo models and what they are made from are kept."""

from __future__ import annotations

from pathlib import Path

DEMO = Path(__file__).parents[2] / "models" / "demo"  # what is shipped
WORK = DEMO / "making"  # corpus, shards, checkpoints of running trainings; may be deleted
JUDGE = DEMO / "recipe" / "judge.onnx"


def checkpoints(out: Path) -> Path:
    """Return the folder of the small checkpoints that belong to the models in `out`."""
    return out / "recipe" / "checkpoint"
