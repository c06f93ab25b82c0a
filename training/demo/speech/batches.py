"""Batches for the speech trainer: utterances of the corpus, recorded anew in every step, and what is to be learnt.

Two kinds. Early: short clips of like length, padding masked. Late: whole windows as whisper.cpp feeds them, the words
anywhere in them, silence up to the end, and now and then no words at all.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from training.demo.speech.augment import Studio, Take, noise_bank, other_throats, piece, punch, repaced, take
from training.demo.speech.mel import HOP, SAMPLE_RATE, Array, log_mel, power
from training.demo.speech.model import Vocabulary
from training.demo.speech.noises import KINDS

FRAME = 2 * HOP  # samples a frame of the encoder
IGNORED = -100
NEIGHBOURS = 0.04  # of the corpus: how alike in length the clips of one early batch are
WORDLESS_SHARE = 0.15
HARDEST, HARDEN_STEPS = 0.6, 6000  # plain speech is learnt first: rooms, noises and throats get worse step by step
WRONG_WORD_SHARE = 0.12  # of the words fed to the decoder are not the ones said, so that it listens instead of guessing


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """All utterances, shortest first."""

    sounds: list[Array]
    texts: list[str]


def read_corpus(folder: Path) -> Corpus:
    """Read every part that is there."""
    made: list[tuple[Array, str]] = []
    for path in sorted(folder.glob("part-????.npz")):
        part = np.load(path)
        sounds = np.split(part["samples"], np.cumsum(part["lengths"])[:-1])
        made += zip(sounds, part["texts"].tolist(), strict=True)
    made.sort(key=lambda one: len(one[0]))
    return Corpus(sounds=[sound for sound, _ in made], texts=[text for _, text in made])


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One batch. `centres` and `spans` say, in encoder frames, where each word should be looked for, and how wide."""

    mel: Tensor
    mask: Tensor | None  # true where there is sound
    fed: Tensor
    wanted: Tensor
    centres: Tensor
    spans: Tensor
    phones: Tensor
    phone_lengths: Tensor
    frames: Tensor


@dataclass(frozen=True, kw_only=True)
class Script:
    """What one take says: its words, their phones, and its place in the sound."""

    rows: list[int]
    phones: list[int]
    middles: list[float]  # of each word, as a share of the utterance's phones


class Teacher:
    """Draws lessons; the lesson of a step is always the same one."""

    def __init__(self, corpus: Corpus, phones: dict[str, list[int]], vocabulary: Vocabulary, batch: int) -> None:
        self.corpus, self.phones, self.vocabulary, self.batch = corpus, phones, vocabulary, batch
        self.bank = noise_bank(12)

    def script(self, text: str) -> Script:
        spelt = [self.phones.get(word, []) for word in text.split()]
        ends = np.cumsum([len(word) for word in spelt])
        middles = [float(end - len(word) / 2) / max(1, ends[-1]) for end, word in zip(ends, spelt, strict=True)]
        return Script(
            rows=self.vocabulary.encode(text),
            phones=[phone for word in spelt for phone in word],
            middles=[*middles, 1.0],
        )

    def clip(self, number: int, chance: Generator) -> Array:
        sound = self.corpus.sounds[number].astype(np.float32) / 32768
        return repaced(sound, chance.uniform(0.9, 1.12))

    def short(self, step: int) -> Lesson:
        """Clips of like length."""
        chance = np.random.default_rng((1, step))
        studio = Studio(bank=self.bank, hardness=min(HARDEST, step / HARDEN_STEPS), chance=chance)
        total = len(self.corpus.texts)
        near = max(self.batch, int(total * NEIGHBOURS))
        start = chance.integers(0, total - near + 1)
        chosen = start + chance.choice(near, self.batch, replace=False)
        takes = []
        for number in chosen:
            before, after = chance.integers(0, SAMPLE_RATE // 3, 2)
            takes.append(take(self.clip(number, chance), before, after, studio))
        longest = max(len(one.samples) for one in takes)
        frames = min(512, -(-longest // FRAME))
        scripts = [self.script(self.corpus.texts[number]) for number in chosen]
        return self.lesson(takes, scripts, frames, True, studio)

    def whole(self, step: int, frames: int) -> Lesson:
        """Whole windows, some without words."""
        chance = np.random.default_rng((2, step))
        studio = Studio(bank=self.bank, hardness=HARDEST, chance=chance)
        window, takes, scripts = frames * FRAME, [], []
        for _ in range(self.batch):
            if chance.random() < WORDLESS_SHARE:
                kind = list(KINDS)[chance.integers(len(KINDS))]
                one, text = self.wordless(kind, window, chance), KINDS[kind][1]
                scripts.append(replace(self.script(""), rows=self.vocabulary.encode(text), middles=[0.5, 1.0]))
            else:
                number = int(chance.integers(bisect(self.corpus.sounds, window * 0.9, key=len)))
                sound = self.clip(number, chance)
                sound = sound[: window - FRAME]
                before = int(chance.integers(0, window - len(sound)) * chance.random() ** 2)
                after = int(chance.integers(0, window - len(sound) - before + 1) * chance.random())
                one = take(sound, before, after, studio)
                scripts.append(self.script(self.corpus.texts[number]))
            takes.append(one)
        return self.lesson(takes, scripts, frames, False, studio)

    def wordless(self, kind: str, window: int, chance: Generator) -> Take:
        """A sound that nobody said, of any length and loudness, alone or over a little hiss."""
        length = int(chance.integers(SAMPLE_RATE // 2, window + 1))
        sound = piece(self.bank[kind], length, chance) * 10 ** chance.uniform(-2, 0)
        if chance.random() < 0.4:
            sound = sound + chance.normal(size=length) * 10 ** chance.uniform(-4.5, -2.5)
        return Take(samples=sound.astype(np.float32), first=0, last=length)

    def lesson(
        self, takes: Sequence[Take], scripts: Sequence[Script], frames: int, masked: bool, studio: Studio
    ) -> Lesson:
        window = frames * FRAME
        samples = np.stack([np.pad(one.samples[:window], (0, max(0, window - len(one.samples)))) for one in takes])
        # Two frames of mel make one of the encoder.
        powers = other_throats(power(torch.from_numpy(samples), 2 * frames), studio.hardness, studio.chance)
        mel = punch(log_mel(powers), [(one.first // HOP, one.last // HOP) for one in takes], studio.chance)
        heard = torch.tensor([min(frames, -(-len(one.samples) // FRAME)) if masked else frames for one in takes])
        mask = (torch.arange(frames)[None] < heard[:, None])[:, None, None] if masked else None
        firsts, lasts = (torch.tensor([[one.first, one.last] for one in takes]) / FRAME).T
        middles = padded([[0.0, *one.middles] for one in scripts], 0.0)
        phones = [one.phones for one in scripts]
        fed, wanted = self.tokens(scripts, studio.chance)
        return Lesson(
            mel=mel, mask=mask, fed=fed, wanted=wanted, frames=heard, spans=lasts - firsts,
            centres=firsts[:, None] + middles * (lasts - firsts)[:, None],
            phones=padded(phones, 0), phone_lengths=torch.tensor([len(one) for one in phones]),
        )  # fmt: skip

    def tokens(self, scripts: Sequence[Script], chance: Generator) -> tuple[Tensor, Tensor]:
        """What the decoder is fed, some of it wrong, and what it should say next."""
        vocabulary, fed, wanted = self.vocabulary, [], []
        for script in scripts:
            wrong = chance.random(len(script.rows)) < WRONG_WORD_SHARE
            others = chance.integers(1, vocabulary.end, len(script.rows))
            words = np.where(wrong, others, script.rows).tolist()
            fed.append([vocabulary.start, vocabulary.no_timestamps, *words])
            wanted.append([IGNORED, *script.rows, vocabulary.end])
        return padded(fed, vocabulary.end), padded(wanted, IGNORED)


def padded(rows: Sequence[Sequence[float]], filler: float) -> Tensor:
    """Stack rows of different lengths."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])
