"""Training batches of the speech model: utterances of the corpus, augmented differently in every step.

Early batches are short clips of similar length, padded and masked. Late batches are windows as whisper.cpp feeds them:
speech anywhere in them, silence around it, and sometimes no speech at all.
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

from training.demo.speech.augment import (
    Augmentation,
    Recording,
    augment,
    change_pace,
    noise_bank,
    perturb_vocal_tracts,
    random_piece,
    spec_augment,
)
from training.demo.speech.mel import HOP, SAMPLE_RATE, Array, log_mel, power
from training.demo.speech.model import Vocabulary
from training.demo.speech.noises import KINDS

FRAME = 2 * HOP  # samples of an encoder frame
LONGEST_CLIP = 512  # encoder frames
IGNORED = -100  # target that does not count in the loss
NEIGHBOURS = 0.04  # share of the corpus, sorted by length, that one batch of clips is drawn from
WORDLESS_SHARE = 0.15  # of the windows
STRONGEST, STRENGTHEN_STEPS = 0.6, 6000  # augmentation starts at zero and grows over so many steps
WRONG_WORD_SHARE = 0.12  # of the decoder's input words are replaced, so that it relies on the audio


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """All utterances, shortest first."""

    sounds: list[Array]
    texts: list[str]


def read_corpus(folder: Path) -> Corpus:
    """Read all existing parts."""
    utterances: list[tuple[Array, str]] = []
    for path in sorted(folder.glob("part-????.npz")):
        part = np.load(path)
        sounds = np.split(part["samples"], np.cumsum(part["lengths"])[:-1])
        utterances += zip(sounds, part["texts"].tolist(), strict=True)
    utterances.sort(key=lambda utterance: len(utterance[0]))
    return Corpus(sounds=[sound for sound, _ in utterances], texts=[text for _, text in utterances])


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One batch. `centres` and `spans` are the middle of each word and the length of the speech, in encoder frames."""

    mel: Tensor
    mask: Tensor | None  # true where there is audio
    inputs: Tensor
    targets: Tensor
    centres: Tensor
    spans: Tensor
    phones: Tensor
    phone_lengths: Tensor
    frames: Tensor


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """The tokens and phones of a recording."""

    rows: list[int]
    phones: list[int]
    middles: list[float]  # of each word, as a share of the utterance's phones


class Batches:
    """Makes batches; the batch of a step is always the same."""

    def __init__(self, corpus: Corpus, phones: dict[str, list[int]], vocabulary: Vocabulary, size: int) -> None:
        self.corpus, self.phones, self.vocabulary, self.size = corpus, phones, vocabulary, size
        self.bank = noise_bank(12)

    def clips(self, step: int) -> Batch:
        """Return clips of similar length."""
        rng = np.random.default_rng((1, step))
        augmentation = Augmentation(bank=self.bank, strength=min(STRONGEST, step / STRENGTHEN_STEPS), rng=rng)
        total = len(self.corpus.texts)
        near = max(self.size, int(total * NEIGHBOURS))
        start = rng.integers(0, total - near + 1)
        chosen = start + rng.choice(near, self.size, replace=False)
        recordings = []
        for number in chosen:
            before, after = rng.integers(0, SAMPLE_RATE // 3, 2)
            recordings.append(augment(self.utterance(number, rng), before, after, augmentation))
        longest = max(len(recording.samples) for recording in recordings)
        frames = min(LONGEST_CLIP, -(-longest // FRAME))
        transcripts = [self.transcript(self.corpus.texts[number]) for number in chosen]
        return self.assemble(recordings, transcripts, frames, augmentation, masked=True)

    def windows(self, step: int, frames: int) -> Batch:
        """Return windows of `frames` encoder frames, some without speech."""
        rng = np.random.default_rng((2, step))
        augmentation = Augmentation(bank=self.bank, strength=STRONGEST, rng=rng)
        window, recordings, transcripts = frames * FRAME, [], []
        for _ in range(self.size):
            if rng.random() < WORDLESS_SHARE:
                kind = list(KINDS)[rng.integers(len(KINDS))]
                recording, tag = self.wordless(kind, window, rng), KINDS[kind][1]
                transcript = replace(self.transcript(""), rows=self.vocabulary.encode(tag), middles=[0.5, 1.0])
            else:
                number = int(rng.integers(bisect(self.corpus.sounds, window * 0.9, key=len)))
                sound = self.utterance(number, rng)[: window - FRAME]
                before = int(rng.integers(0, window - len(sound)) * rng.random() ** 2)
                after = int(rng.integers(0, window - len(sound) - before + 1) * rng.random())
                recording = augment(sound, before, after, augmentation)
                transcript = self.transcript(self.corpus.texts[number])
            recordings.append(recording)
            transcripts.append(transcript)
        return self.assemble(recordings, transcripts, frames, augmentation, masked=False)

    def transcript(self, text: str) -> Transcript:
        """Return the tokens and phones of a text."""
        spellings = [self.phones.get(word, []) for word in text.split()]
        ends = np.cumsum([len(word) for word in spellings])
        middles = [float(end - len(word) / 2) / max(1, ends[-1]) for end, word in zip(ends, spellings, strict=True)]
        return Transcript(
            rows=self.vocabulary.encode(text),
            phones=[phone for word in spellings for phone in word],
            middles=[*middles, 1.0],
        )

    def utterance(self, number: int, rng: Generator) -> Array:
        """Return an utterance of the corpus at a random pace."""
        sound = self.corpus.sounds[number].astype(np.float32) / 32768
        return change_pace(sound, rng.uniform(0.9, 1.12))

    def wordless(self, kind: str, window: int, rng: Generator) -> Recording:
        """Return a sound without speech, of random length and loudness, sometimes over hiss."""
        length = int(rng.integers(SAMPLE_RATE // 2, window + 1))
        sound = random_piece(self.bank[kind], length, rng) * 10 ** rng.uniform(-2, 0)
        if rng.random() < 0.4:
            sound = sound + rng.normal(size=length) * 10 ** rng.uniform(-4.5, -2.5)
        return Recording(samples=sound.astype(np.float32), first=0, last=length)

    def assemble(
        self,
        recordings: Sequence[Recording],
        transcripts: Sequence[Transcript],
        frames: int,
        augmentation: Augmentation,
        *,
        masked: bool,
    ) -> Batch:
        """Return the tensors of a batch of recordings, padded or cut to `frames` encoder frames."""
        window, rng = frames * FRAME, augmentation.rng
        samples = np.stack([np.pad(one.samples[:window], (0, max(0, window - len(one.samples)))) for one in recordings])
        # An encoder frame is two mel frames.
        powers = perturb_vocal_tracts(power(torch.from_numpy(samples), 2 * frames), augmentation.strength, rng)
        mel = spec_augment(log_mel(powers), [(one.first // HOP, one.last // HOP) for one in recordings], rng)
        lengths = torch.tensor([min(frames, -(-len(one.samples) // FRAME)) if masked else frames for one in recordings])
        mask = (torch.arange(frames)[None] < lengths[:, None])[:, None, None] if masked else None
        firsts, lasts = (torch.tensor([[one.first, one.last] for one in recordings]) / FRAME).T
        middles = pad([[0.0, *one.middles] for one in transcripts], 0.0)
        phones = [one.phones for one in transcripts]
        inputs, targets = self.tokens(transcripts, rng)
        return Batch(
            mel=mel, mask=mask, inputs=inputs, targets=targets, frames=lengths, spans=lasts - firsts,
            centres=firsts[:, None] + middles * (lasts - firsts)[:, None],
            phones=pad(phones, 0), phone_lengths=torch.tensor([len(one) for one in phones]),
        )  # fmt: skip

    def tokens(self, transcripts: Sequence[Transcript], rng: Generator) -> tuple[Tensor, Tensor]:
        """Return the decoder's inputs, with some words replaced, and its targets."""
        vocabulary, inputs, targets = self.vocabulary, [], []
        for transcript in transcripts:
            replaced = rng.random(len(transcript.rows)) < WRONG_WORD_SHARE
            others = rng.integers(1, vocabulary.end, len(transcript.rows))
            words = np.where(replaced, others, transcript.rows).tolist()
            inputs.append([vocabulary.start, vocabulary.no_timestamps, *words])
            targets.append([IGNORED, *transcript.rows, vocabulary.end])
        return pad(inputs, vocabulary.end), pad(targets, IGNORED)


def pad(rows: Sequence[Sequence[float]], filler: float) -> Tensor:
    """Stack rows of different lengths."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])
