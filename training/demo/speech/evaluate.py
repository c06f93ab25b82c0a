"""Judge the speech model through whisper.cpp, as the program uses it: one thread, greedy, no second tries.

Comes in: a ggml file. Goes out: a table on stdout, into the model card and, as JSON, beside it. Judged are
sentences never trained on, from speakers that were and from speakers that were not, sounds that nobody said,
and English from outside the world.

    python judge_speech.py ggml-demo.bin --clips WORK_FOLDER/judged --card SPEECH.md
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from statistics import fmean, median

import numpy as np
from pywhispercpp.model import Model

from orchestrator.hear.speech.voice import spans
from training.demo.speech.corpus import held_out
from training.demo.speech.foreign import FOREIGN
from training.demo.speech.mel import SAMPLE_RATE, Array
from training.demo.speech.model import BLANK_AUDIO, MUSIC
from training.demo.speech.noises import KINDS, noise
from training.demo.speech.revoice import draw_person, load_world, revoice
from training.demo.speech.voices import UNSEEN, draw_voice, say, trim
from training.demo.world import refining, spoken

SENTENCES, WORDLESS = 60, 100
NOISE_DECIBELS = 12  # speech above noise, in the noisy set
CARD_BEGIN, CARD_END = "<!-- figures: training/demo/speech/evaluate.py writes them -->", "<!-- end of figures -->"


@dataclass(frozen=True, kw_only=True)
class Clip:
    samples: Array
    said: str  # nothing, where nobody speaks


@dataclass(frozen=True, kw_only=True)
class Answer:
    said: str
    heard: str
    probability: float  # mean over the tokens
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    clips: int
    word_errors: float | None  # a share of the words; none where it means nothing
    right: float  # share of clips with every word right, or with a tag or nothing where nobody speaks
    probability: float
    seconds: float


def held_out_sentence(random: Random) -> str:
    while not held_out(text := spoken(random)):
        pass
    return text


def in_quiet(samples: Array, random: Random) -> Array:
    """Put a moment of silence around the speech, as a recording has."""
    before, after = (random.randrange(SAMPLE_RATE // 10, SAMPLE_RATE // 2) for _ in range(2))
    return np.pad(samples, (before, after)) + np.float32(1e-4) * np.random.default_rng(before).normal(
        size=before + len(samples) + after
    ).astype(np.float32)


def seen(random: Random) -> Clip:
    text = held_out_sentence(random)
    return Clip(samples=in_quiet(say(draw_voice(random), text), random), said=text)


def refined(random: Random) -> Clip:
    text = refining(random)
    return Clip(samples=in_quiet(say(draw_voice(random), text), random), said=text)


def revoiced(random: Random) -> Clip:
    text, engine = held_out_sentence(random), random.choice(("flite", "festival"))
    samples = trim(revoice(say(draw_voice(random, engine), text), draw_person(random), load_world()))
    return Clip(samples=in_quiet(samples, random), said=text)


def noisy(random: Random) -> Clip:
    clip, chance = seen(random), np.random.default_rng(random.randrange(10**9))
    back = noise("rumble", len(clip.samples), chance)
    ratio = np.sqrt((clip.samples**2).mean() / (back**2).mean()) * 10 ** (-NOISE_DECIBELS / 20)
    return Clip(samples=(clip.samples + back * ratio).astype(np.float32), said=clip.said)


def unseen(name: str) -> Callable[[Random], Clip]:
    def clip(random: Random) -> Clip:
        text = held_out_sentence(random)
        return Clip(samples=in_quiet(say(UNSEEN[name], text), random), said=text)

    return clip


def foreign(random: Random) -> Clip:
    text = random.choice(FOREIGN)
    return Clip(samples=in_quiet(say(draw_voice(random), text), random), said=text)


def wordless(kind: str) -> Callable[[Random], Clip]:
    def clip(random: Random) -> Clip:
        chance = np.random.default_rng(random.randrange(10**9))
        sound = noise(kind, int(random.uniform(1, 8) * SAMPLE_RATE), chance)
        return Clip(samples=sound * np.float32(10 ** random.uniform(-1.7, -0.1)), said="")

    return clip


def sets(size: int, wordless_size: int) -> Iterator[tuple[str, list[Clip]]]:
    """Make every set of clips, each from its own seed."""
    speech = {"seen voices": seen, "seen voices, refining": refined, "seen voices, noise at 12 dB": noisy}
    made = speech | {"revoiced people": revoiced} | {f"unseen: {name}": unseen(name) for name in UNSEEN}
    for name, make in (made | {"foreign English": foreign}).items():
        random = Random(f"judge {name}")
        yield name, [make(random) for _ in range(size)]
    for kind in KINDS:
        random = Random(f"judge {kind}")
        yield f"wordless: {kind}", [wordless(kind)(random) for _ in range(wordless_size // len(KINDS))]


def cached_sets(folder: Path, size: int, wordless_size: int) -> dict[str, list[Clip]]:
    """Make the sets once and keep them."""
    path = folder / f"clips-{size}-{wordless_size}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        flat = [(name, clip) for name, clips in sets(size, wordless_size) for clip in clips]
        names, texts = [name for name, _ in flat], [clip.said for _, clip in flat]
        samples = {f"{number:05}": clip.samples for number, (_, clip) in enumerate(flat)}
        partial = path.with_suffix(".part.npz")
        np.savez(partial, names=names, texts=texts, **samples)  # type: ignore[arg-type]
        partial.replace(path)
    stored, kept = np.load(path), dict[str, list[Clip]]()
    for number, (name, text) in enumerate(zip(stored["names"].tolist(), stored["texts"].tolist(), strict=True)):
        kept.setdefault(name, []).append(Clip(samples=stored[f"{number:05}"], said=text))
    return kept


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


def hear(model: Model, clip: Clip) -> Answer:
    began = time.perf_counter()
    segments = model.transcribe(clip.samples, extract_probability=True)
    seconds = time.perf_counter() - began
    heard = " ".join(segment.text for segment in segments).strip()
    probability = fmean([float(segment.probability) for segment in segments] or [0.0])
    return Answer(said=clip.said, heard=heard, probability=probability, seconds=seconds)


def gated(answer: Answer, clip: Clip) -> Answer:
    """What is left of an answer where the program's voice gate heard nobody."""
    voiced = spans([(clip.samples.clip(-1, 1) * 32767).astype(np.int16)])
    return answer if voiced else replace(answer, heard="")


def row(name: str, answers: Sequence[Answer]) -> Row:
    """Sum up one set."""
    count = sum(len(one.said.split()) for one in answers)
    errors = sum(word_errors(one.said.split(), one.heard.split()) for one in answers)
    tags = ("", f"{BLANK_AUDIO}", f"{MUSIC}")
    right = [one.heard == one.said if one.said else one.heard in tags for one in answers]
    return Row(
        name=name, clips=len(answers), word_errors=errors / count if count else None, right=fmean(right),
        probability=fmean(one.probability for one in answers), seconds=median(one.seconds for one in answers),
    )  # fmt: skip


def judge(path: Path, clips: dict[str, list[Clip]], say_wrong: bool) -> list[Row]:
    """Let the model hear every clip: a row a set, and rows that sum up the unseen speakers and the wordless sounds."""
    model, answers = load(path), dict[str, list[Answer]]()
    for name, those in clips.items():
        answers[name] = [hear(model, clip) for clip in those]
        for one in answers[name] if say_wrong else []:
            if one.said and one.heard != one.said and name != "foreign English":
                print(f"  {name} ({one.probability:.2f}): {one.said!r} -> {one.heard!r}")
    rows = [row(name, those) for name, those in answers.items()]
    for kind in ("unseen", "wordless"):
        those = [one for name, some in answers.items() if name.startswith(kind) for one in some]
        rows.append(row(f"{kind}, all", those))
    wordless_names = [name for name in clips if name.startswith("wordless")]
    behind = [gated(one, clip) for name in wordless_names for one, clip in zip(answers[name], clips[name], strict=True)]
    rows.append(row("wordless, behind the voice gate", behind))
    return rows


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| set | clips | word errors | all right | mean token probability | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for one in rows:
        errors = "" if one.word_errors is None else f"{100 * one.word_errors:.1f} %"
        figures = f"{100 * one.right:.0f} % | {one.probability:.2f} | {one.seconds:.2f}"
        lines.append(f"| {one.name} | {one.clips} | {errors} | {figures} |")
    return "\n".join(lines)


def write_card(card: Path, figures: str, rows: Sequence[Row]) -> None:
    """Put the table between the card's two marks, and the same figures as JSON beside it."""
    head, rest = card.read_text().split(CARD_BEGIN)
    card.write_text(f"{head}{CARD_BEGIN}\n{figures}\n{CARD_END}{rest.split(CARD_END)[1]}")
    card.with_suffix(".json").write_text(json.dumps([asdict(one) for one in rows], indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--clips", type=Path, required=True, help="where the judged clips are kept")
    parser.add_argument("--sentences", type=int, default=SENTENCES, help="clips a set")
    parser.add_argument("--wordless", type=int, default=WORDLESS, help="clips without words, all kinds together")
    parser.add_argument("--card", type=Path, help="the model card to write the figures into")
    parser.add_argument("--wrong", action="store_true", help="print what was misheard")
    arguments = parser.parse_args()
    judged = judge(
        arguments.model, cached_sets(arguments.clips, arguments.sentences, arguments.wordless), arguments.wrong
    )
    print(table(judged))
    if arguments.card:
        write_card(arguments.card, table(judged), judged)
