"""Make the demo picture model from nothing: draw scenes, train decoder, painter and judge, export, convert, evaluate.

    python -m training.demo.pictures.build --work WORK --out models/demo    the shipped model: hours on two cores
    python -m training.demo.pictures.build --work WORK --out WORK --quick   the same at toy size, in two minutes

Every stage keeps its results, so a build that was stopped resumes where it was.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from orchestrator.convert import convert
from training.demo import cards
from training.demo.pictures import decoder, evaluate, export, render, train_judge
from training.demo.pictures.judge import Judge
from training.demo.pictures.train import TrainingOptions, train


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size of each stage."""

    scenes: int = 32_000
    fitted: int = 500  # pictures for the encoder
    decoder_steps: int = 5_000
    steps: int = 10_000
    batch: int = 24
    epochs: int = 7
    prompts: int = 500


QUICK = Plan(scenes=32, fitted=16, decoder_steps=2, steps=3, batch=2, epochs=1, prompts=2)


def convert_model(source: Path, out: Path) -> None:
    """Convert to both formats with the program's converter; a finished one replaces the existing folder."""
    for to, bits in (("onnx", None), ("coreml", 6)):
        part, target = out / f".{to}", out / to
        shutil.rmtree(part, ignore_errors=True)
        for working in convert(source, part, to=to, palettize=bits):
            print(f"{to}: {working.what}", flush=True)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)


def build(work: Path, out: Path, plan: Plan, processes: int) -> None:
    """Run all stages."""
    torch.set_num_threads(1)
    shards = work / "shards"
    render.draw_missing(shards, plan.scenes, fitted=plan.fitted)
    decoder.train(work, plan.decoder_steps)
    train(TrainingOptions(folder=work, steps=plan.steps, batch=plan.batch, processes=processes))
    if not (work / "judge.onnx").exists():
        train_judge.write(train_judge.train(shards, plan.epochs), work / "judge.onnx")
    export.export(work, work / "diffusers")
    convert_model(work / "diffusers", out / "pictures")
    scenes, texts = zip(*evaluate.prompts(plan.prompts), strict=True)
    pictures = evaluate.paint_with_program(out / "pictures" / "onnx", texts)
    figures = evaluate.table(scenes, pictures, Judge(work / "judge.onnx"))
    print(figures)
    if (out / "PICTURES.md").exists():
        cards.write_figures(out / "PICTURES.md", figures)


def main() -> None:
    """Build from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="intermediate results; may be deleted afterwards")
    parser.add_argument("--out", type=Path, required=True, help="the folder of pictures/onnx and pictures/coreml")
    parser.add_argument("--quick", action="store_true", help="toy size: every stage runs, nothing is learnt")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    build(arguments.work, arguments.out, QUICK if arguments.quick else Plan(), arguments.processes)


if __name__ == "__main__":
    main()
