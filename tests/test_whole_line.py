"""The whole line with fixed seeds: ten recordings that ship with the project, heard, painted, and judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np

from orchestrator import picture as png

DEMO = Path(__file__).parent.parent / "models" / "demo"
COMMAND = str(Path(sys.executable).with_name("audio-to-image"))


def test_ten_recordings_become_the_pictures_that_were_asked_for() -> None:
    from training.demo.pictures.judge import Judge
    from training.demo.world import COLOURS, PAINTED_SUBJECTS

    table = tomllib.loads((DEMO / "recordings" / "recordings.toml").read_text())["recording"]
    files = [str(DEMO / "recordings" / each["file"]) for each in table]
    done = subprocess.run(
        [COMMAND, "picture", *files, "--seed", "11", "--json"],
        capture_output=True,
        text=True,
        env=os.environ,
        check=True,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    heard = [event["transcript"] for event in told if event["event"] == "heard"]
    painted = [png.read_pixels(Path(event["path"])) for event in told if event["event"] == "kept"]
    assert sum(words == each["said"] for words, each in zip(heard, table, strict=True)) >= 9

    verdicts = Judge().classify(np.stack(painted))
    asked = [(first(each["said"], PAINTED_SUBJECTS), first(each["said"], COLOURS)) for each in table]
    assert sum((seen.subject, seen.colour) == want for seen, want in zip(verdicts, asked, strict=True)) >= 9


def first(said: str, names: tuple[str, ...]) -> str:
    """Find what was asked for: hills are green too, but come later."""
    return next(word for word in said.split() if word in names)
