"""Evaluate the speech model through whisper.cpp as the program uses it: one thread, greedy, no temperature fallback.

Prints a table; `--card` also writes it into the model card and, as JSON, beside it.

    python -m training.demo.speech.evaluate ggml-demo.bin --clips WORK/judged --card SPEECH.md
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, median

import numpy as np
from pywhispercpp.model import Model

from orchestrator.hear.speech.voice import spans
from training.demo.cards import write_figures
from training.demo.speech.clips import Clip, cached_sets
from training.demo.speech.model import BLANK_AUDIO, MUSIC

SENTENCES, WORDLESS = 60, 100  # clips of each set of sentences, and of all sets without speech


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was said in a clip, and what the model wrote."""

    said: str
    heard: str
    probability: float  # mean over the tokens
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    clips: int
    word_errors: float | None  # share of the words; None for sets without words
    right: float  # share of clips with every word right, or with a tag or nothing where there is no speech
    probability: float
    seconds: float


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Count substitutions, insertions and deletions."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]


def load(path: Path) -> Model:
    """Load a model into whisper.cpp."""
    return Model(
        str(path), redirect_whispercpp_logs_to=None, n_threads=1, print_progress=False, language="en",
        temperature_inc=0.0, no_context=True, no_timestamps=True,
    )  # fmt: skip


def transcribe(model: Model, clip: Clip) -> Answer:
    """Return the model's transcript of a clip."""
    started = time.perf_counter()
    segments = model.transcribe(clip.samples, extract_probability=True)
    seconds = time.perf_counter() - started
    heard = " ".join(segment.text for segment in segments).strip()
    probability = fmean([float(segment.probability) for segment in segments] or [0.0])
    return Answer(said=clip.said, heard=heard, probability=probability, seconds=seconds)


def apply_voice_gate(answer: Answer, clip: Clip) -> Answer:
    """Return the answer without words if the program's voice gate finds no speech."""
    voiced = spans([(clip.samples.clip(-1, 1) * 32767).astype(np.int16)])
    return answer if voiced else replace(answer, heard="")


def summarise(name: str, answers: Sequence[Answer]) -> Row:
    """Return the table's line of a set."""
    count = sum(len(answer.said.split()) for answer in answers)
    errors = sum(word_errors(answer.said.split(), answer.heard.split()) for answer in answers)
    right = [
        answer.heard == answer.said if answer.said else answer.heard in ("", BLANK_AUDIO, MUSIC) for answer in answers
    ]
    return Row(
        name=name,
        clips=len(answers),
        word_errors=errors / count if count else None,
        right=fmean(right),
        probability=fmean(answer.probability for answer in answers),
        seconds=median(answer.seconds for answer in answers),
    )


def evaluate(path: Path, sets: dict[str, list[Clip]], *, print_wrong: bool = False) -> list[Row]:
    """Transcribe every clip; return a row for each set, and totals of the unseen speakers and the wordless sounds."""
    model = load(path)
    answers = {name: [transcribe(model, clip) for clip in clips] for name, clips in sets.items()}
    if print_wrong:
        print_wrong_answers(answers)
    rows = [summarise(name, some) for name, some in answers.items()]
    for kind in ("unseen", "wordless"):
        every = [answer for name, some in answers.items() if name.startswith(kind) for answer in some]
        rows.append(summarise(f"{kind}, all", every))
    gated = [
        apply_voice_gate(answer, clip)
        for name, clips in sets.items()
        if name.startswith("wordless")
        for answer, clip in zip(answers[name], clips, strict=True)
    ]
    return [*rows, summarise("wordless, behind the voice gate", gated)]


def print_wrong_answers(answers: dict[str, list[Answer]]) -> None:
    """Print every wrong transcript of known words."""
    for name, some in answers.items():
        for answer in some:
            if answer.said and answer.heard != answer.said and name != "foreign English":
                print(f"  {name} ({answer.probability:.2f}): {answer.said!r} -> {answer.heard!r}")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| set | clips | word errors | all right | mean token probability | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        errors = "" if row.word_errors is None else f"{100 * row.word_errors:.1f} %"
        figures = f"{100 * row.right:.0f} % | {row.probability:.2f} | {row.seconds:.2f}"
        lines.append(f"| {row.name} | {row.clips} | {errors} | {figures} |")
    return "\n".join(lines)


def write_card(card: Path, rows: Sequence[Row]) -> None:
    """Write the table into a model card, and the same figures as JSON beside it."""
    write_figures(card, table(rows))
    card.with_suffix(".json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def main() -> None:
    """Evaluate a model from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--clips", type=Path, required=True, help="folder where the clips are kept")
    parser.add_argument("--sentences", type=int, default=SENTENCES, help="clips a set")
    parser.add_argument("--wordless", type=int, default=WORDLESS, help="clips without speech, all kinds together")
    parser.add_argument("--card", type=Path, help="model card to write the figures into")
    parser.add_argument("--wrong", action="store_true", help="print wrong transcripts")
    arguments = parser.parse_args()
    sets = cached_sets(arguments.clips, arguments.sentences, arguments.wordless)
    rows = evaluate(arguments.model, sets, print_wrong=arguments.wrong)
    print(table(rows))
    if arguments.card:
        write_card(arguments.card, rows)


if __name__ == "__main__":
    main()
