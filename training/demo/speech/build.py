"""Make the demo speech model from nothing: speak the corpus, train on it, write the model, judge it.

    python build_speech.py --work WORK_FOLDER --out models/demo           the shipped model: two hours on two cores
    python build_speech.py --work WORK_FOLDER --out WORK_FOLDER --quick   the same at toy size, in a minute

Every stage keeps what it has made; started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path

from training.demo.files import checkpoints
from training.demo.speech import corpus, evaluate
from training.demo.speech.ggml import write
from training.demo.speech.phones import phones
from training.demo.speech.train import keep_small, train


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything."""

    parts: int = 60
    part_size: int = corpus.PART
    steps: int = 12_000
    batch: int = 8
    judged: int = evaluate.SENTENCES
    wordless: int = evaluate.WORDLESS
    precision: str = "q5_0"


QUICK = Plan(parts=2, part_size=24, steps=60, batch=4, judged=2, wordless=10)


def build(work: Path, out: Path, plan: Plan, processes: int = 2) -> Path:
    """Do all stages; return the model's path."""
    work.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    (work / "train.pid").write_text(f"{os.getpid()}\n")
    phones(work / "phones.json")
    corpus.make(work / "corpus", plan.parts, processes, plan.part_size)
    hearing = train(work, plan.steps, plan.batch)
    keep_small(work / "checkpoint.pt", checkpoints(out) / "speech.pt")
    path = out / "ggml-demo.bin"
    write(hearing, path, plan.precision)
    clips = evaluate.cached_sets(work / "judged", plan.judged, plan.wordless)
    rows = evaluate.judge(path, clips, say_wrong=False)
    print(evaluate.table(rows))
    card = out / "SPEECH.md"
    if card.exists():
        evaluate.write_card(card, evaluate.table(rows), rows)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="what is made on the way; may be deleted afterwards")
    parser.add_argument("--out", type=Path, required=True, help="where ggml-demo.bin goes")
    parser.add_argument("--quick", action="store_true", help="toy size: everything runs, nothing is learnt")
    parser.add_argument("--parts", type=int, help="of the corpus, 200 utterances each; to go on with a smaller one")
    parser.add_argument("--steps", type=int, help="of the training; more of them to go on with a finished one")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan()
    plan = replace(plan, parts=arguments.parts or plan.parts, steps=arguments.steps or plan.steps)
    build(arguments.work, arguments.out, plan, arguments.processes)
