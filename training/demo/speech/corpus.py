"""Make the spoken corpus: parts of a few hundred utterances, each drawn from its own seed.

A part is `part-NNNN.npz`, with 16-bit samples, lengths, words and speakers. Existing parts are kept, so the work can
be stopped and resumed at any time:

    python -m training.demo.speech.corpus FOLDER --parts 80 --processes 2
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
from training.demo.speech.revoice import load_vocoder, random_person, revoice
from training.demo.speech.voices import random_voice, say, trim
from training.demo.world import random_sentence, words

PART = 200  # utterances
REVOICED_SHARE = 0.4
WORD_LIST_SHARE = 0.3  # of random words, so that the decoder cannot rely on grammar
HELD_OUT_EVERY = 16  # sentences
SHORTEST_HELD_OUT = 6  # words: short sentences such as "again" and "undo" are always trained on
LONGEST = 9.6  # seconds


def is_held_out(text: str) -> bool:
    """Return whether a sentence is kept for evaluation: one in sixteen, by its checksum."""
    return len(text.split()) >= SHORTEST_HELD_OUT and crc32(text.encode()) % HELD_OUT_EVERY == 0


def random_text(random: Random, known: list[str]) -> str:
    """Return a sentence of the world that is not held out, or random words."""
    if random.random() < WORD_LIST_SHARE:
        return " ".join(random.choice(known) for _ in range(random.randint(2, 8)))
    while is_held_out(text := random_sentence(random)):
        pass
    return text


def make_utterance(random: Random, known: list[str]) -> tuple[Array, str, str]:
    """Return the samples, words and speaker of one random utterance."""
    text, revoiced = random_text(random, known), random.random() < REVOICED_SHARE
    voice = random_voice(random, random.choice(("flite", "flite", "festival")) if revoiced else None)
    samples = say(voice, text)
    if revoiced:
        samples = trim(revoice(samples, random_person(random), load_vocoder()))
    return samples, text, f"{voice} revoiced" if revoiced else str(voice)


def make_part(number: int, folder: Path, size: int = PART) -> Path:
    """Make one part unless it exists, and return its path."""
    path = folder / f"part-{number:04}.npz"
    if path.exists():
        return path
    random, known = Random(f"speech {number}"), words()
    utterances: list[tuple[Array, str, str]] = []
    while len(utterances) < size:
        samples, text, voice = make_utterance(random, known)
        if len(samples) < LONGEST * SAMPLE_RATE:
            utterances.append((samples, text, voice))
    sounds, texts, voices = zip(*utterances, strict=True)
    samples = np.concatenate([(sound * 32767).clip(-32768, 32767).astype(np.int16) for sound in sounds])
    partial_path = path.with_suffix(".part.npz")
    np.savez(partial_path, samples=samples, lengths=[len(sound) for sound in sounds], texts=texts, voices=voices)
    partial_path.replace(path)
    return path


def make(folder: Path, parts: int, processes: int, size: int = PART) -> None:
    """Make the missing parts."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool:
        for path in pool.map(partial(make_part, folder=folder, size=size), range(parts)):
            print(path.name, flush=True)


def main() -> None:
    """Make a corpus from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parts", type=int, default=80)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    os.nice(10)
    make(arguments.folder, arguments.parts, arguments.processes)


if __name__ == "__main__":
    main()
