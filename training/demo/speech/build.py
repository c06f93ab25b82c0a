"""Make the demo speech model from nothing: speak the corpus, train on it, write the model, evaluate it.

    python -m training.demo.speech.build --work WORK --out models/demo    the shipped model: two hours on two cores
    python -m training.demo.speech.build --work WORK --out WORK --quick   the same at toy size, in a minute

Every stage keeps its results, so a build that was stopped resumes where it was.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path

from training.demo.files import checkpoints
from training.demo.speech import corpus, evaluate
from training.demo.speech.clips import cached_sets
from training.demo.speech.ggml import write
from training.demo.speech.phones import phones
from training.demo.speech.train import save_small, train


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size of each stage."""

    parts: int = 60
    part_size: int = corpus.PART
    steps: int = 12_000
    batch: int = 8
    clips: int = evaluate.SENTENCES
    wordless: int = evaluate.WORDLESS
    precision: str = "q5_0"


QUICK = Plan(parts=2, part_size=24, steps=60, batch=4, clips=2, wordless=10)


def build(work: Path, out: Path, plan: Plan, processes: int = 2) -> Path:
    """Run all stages, and return the path of the model."""
    work.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    (work / "train.pid").write_text(f"{os.getpid()}\n")
    phones(work / "phones.json")
    corpus.make(work / "corpus", plan.parts, processes, plan.part_size)
    model = train(work, plan.steps, plan.batch)
    save_small(work / "checkpoint.pt", checkpoints(out) / "speech.pt")
    path = out / "ggml-demo.bin"
    write(model, path, plan.precision)
    rows = evaluate.evaluate(path, cached_sets(work / "judged", plan.clips, plan.wordless))
    print(evaluate.table(rows))
    if (out / "SPEECH.md").exists():
        evaluate.write_card(out / "SPEECH.md", rows)
    return path


def main() -> None:
    """Build from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="intermediate results; may be deleted afterwards")
    parser.add_argument("--out", type=Path, required=True, help="the folder of ggml-demo.bin")
    parser.add_argument("--quick", action="store_true", help="toy size: every stage runs, nothing is learnt")
    parser.add_argument("--parts", type=int, help="of the corpus, 200 utterances each")
    parser.add_argument("--steps", type=int, help="of the training; more than before to continue a finished one")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan()
    plan = replace(plan, parts=arguments.parts or plan.parts, steps=arguments.steps or plan.steps)
    build(arguments.work, arguments.out, plan, arguments.processes)


if __name__ == "__main__":
    main()
