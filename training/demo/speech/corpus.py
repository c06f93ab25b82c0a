"""The spoken corpus: parts of a few hundred utterances, each made by chance from its own seed.

Goes out: `part-NNNN.npz` with 16-bit samples, lengths, words and speakers. A part that is there is not made again, so
the work can be stopped and taken up at any time:

    python corpus.py WORK_FOLDER --parts 80 --processes 2
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from zlib import crc32

import numpy as np

from training.demo.speech.mel import SAMPLE_RATE, Array
from training.demo.speech.revoice import draw_person, load_world, revoice
from training.demo.speech.voices import draw_voice, say, trim
from training.demo.world import spoken, words

PART = 200  # utterances
REVOICED_SHARE = 0.4
WORD_LIST_SHARE = 0.3  # random words break the grammar, so that the decoder has to listen
HELD_OUT_EVERY, SHORTEST_HELD_OUT = 16, 6  # sentences; words: "again" and "undo" have to be learnt
LONGEST = 9.6  # seconds


def held_out(text: str) -> bool:
    """Tell whether a sentence is kept for judging: one in sixteen, by its checksum."""
    return len(text.split()) >= SHORTEST_HELD_OUT and crc32(text.encode()) % HELD_OUT_EVERY == 0


def draw_text(random: Random, known: list[str]) -> str:
    """Draw what is said: a sentence of the world that is not held out, or words by chance."""
    if random.random() < WORD_LIST_SHARE:
        return " ".join(random.choice(known) for _ in range(random.randint(2, 8)))
    while held_out(text := spoken(random)):
        pass
    return text


def utterance(random: Random, known: list[str]) -> tuple[Array, str, str]:
    """Make one utterance: samples, words, speaker."""
    text, revoiced = draw_text(random, known), random.random() < REVOICED_SHARE
    voice = draw_voice(random, random.choice(("flite", "flite", "festival")) if revoiced else None)
    samples = say(voice, text)
    if revoiced:
        samples = trim(revoice(samples, draw_person(random), load_world()))
    return samples, text, f"{voice} revoiced" if revoiced else str(voice)


def make_part(number: int, folder: Path, size: int = PART) -> Path:
    """Make one part, unless it is there."""
    path = folder / f"part-{number:04}.npz"
    if path.exists():
        return path
    random, known = Random(f"speech {number}"), words()
    made: list[tuple[Array, str, str]] = []
    while len(made) < size:
        samples, text, voice = utterance(random, known)
        if len(samples) < LONGEST * SAMPLE_RATE:
            made.append((samples, text, voice))
    samples = np.concatenate([(sound * 32767).clip(-32768, 32767).astype(np.int16) for sound, _, _ in made])
    partial_path = path.with_suffix(".part.npz")
    lengths, texts, voices = (
        [len(sound) for sound, _, _ in made],
        [text for _, text, _ in made],
        [v for _, _, v in made],
    )
    np.savez(partial_path, samples=samples, lengths=lengths, texts=texts, voices=voices)
    partial_path.replace(path)
    return path


def make(folder: Path, parts: int, processes: int, size: int = PART) -> None:
    """Make all parts that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool:
        for path in pool.map(partial(make_part, folder=folder, size=size), range(parts)):
            print(path.name, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parts", type=int, default=80)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    os.nice(10)
    make(arguments.folder, arguments.parts, arguments.processes)
