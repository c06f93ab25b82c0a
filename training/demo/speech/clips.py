"""The clips that the speech model is evaluated on.

Sentences that were never trained on, by speakers that were and by speakers that were not; sounds without speech; and
English from outside the model's vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from training.demo.speech.corpus import is_held_out
from training.demo.speech.foreign import FOREIGN
from training.demo.speech.mel import SAMPLE_RATE, Array
from training.demo.speech.noises import KINDS, noise
from training.demo.speech.revoice import load_vocoder, random_person, revoice
from training.demo.speech.voices import UNSEEN, random_voice, say, trim
from training.demo.world import random_sentence, refinement

NOISE_DECIBELS = 12  # signal-to-noise ratio of the noisy set


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A recording and its words; no words for a sound without speech."""

    samples: Array
    said: str


def held_out_sentence(random: Random) -> str:
    """Return a random sentence that is never trained on."""
    while not is_held_out(text := random_sentence(random)):
        pass
    return text


def pad_with_quiet(samples: Array, random: Random) -> Array:
    """Add a moment of near silence before and after the speech, as in a recording."""
    before, after = (random.randrange(SAMPLE_RATE // 10, SAMPLE_RATE // 2) for _ in range(2))
    return np.pad(samples, (before, after)) + np.float32(1e-4) * np.random.default_rng(before).normal(
        size=before + len(samples) + after
    ).astype(np.float32)


def seen_clip(random: Random) -> Clip:
    """Return a held-out sentence by a speaker of the training set."""
    text = held_out_sentence(random)
    return Clip(samples=pad_with_quiet(say(random_voice(random), text), random), said=text)


def refinement_clip(random: Random) -> Clip:
    """Return a sentence that changes the previous picture; short ones are trained on too."""
    text = refinement(random)
    return Clip(samples=pad_with_quiet(say(random_voice(random), text), random), said=text)


def revoiced_clip(random: Random) -> Clip:
    """Return a held-out sentence by a new speaker that the vocoder makes."""
    text, engine = held_out_sentence(random), random.choice(("flite", "festival"))
    samples = trim(revoice(say(random_voice(random, engine), text), random_person(random), load_vocoder()))
    return Clip(samples=pad_with_quiet(samples, random), said=text)


def noisy_clip(random: Random) -> Clip:
    """Return a held-out sentence over rumble."""
    clip, rng = seen_clip(random), np.random.default_rng(random.randrange(10**9))
    background = noise("rumble", len(clip.samples), rng)
    ratio = np.sqrt((clip.samples**2).mean() / (background**2).mean()) * 10 ** (-NOISE_DECIBELS / 20)
    return Clip(samples=(clip.samples + background * ratio).astype(np.float32), said=clip.said)


def unseen_clip(name: str) -> Callable[[Random], Clip]:
    """Return a function that makes held-out sentences by one of the UNSEEN speakers."""

    def make(random: Random) -> Clip:
        text = held_out_sentence(random)
        return Clip(samples=pad_with_quiet(say(UNSEEN[name], text), random), said=text)

    return make


def foreign_clip(random: Random) -> Clip:
    """Return a sentence with words that the model does not know."""
    text = random.choice(FOREIGN)
    return Clip(samples=pad_with_quiet(say(random_voice(random), text), random), said=text)


def wordless_clip(kind: str, random: Random) -> Clip:
    """Return a sound without speech, of random length and loudness."""
    rng = np.random.default_rng(random.randrange(10**9))
    sound = noise(kind, int(random.uniform(1, 8) * SAMPLE_RATE), rng)
    return Clip(samples=sound * np.float32(10 ** random.uniform(-1.7, -0.1)), said="")


def make_sets(size: int, wordless_size: int) -> Iterator[tuple[str, list[Clip]]]:
    """Yield every set with its name, which is also its seed."""
    makers = {
        "seen voices": seen_clip,
        "seen voices, refining": refinement_clip,
        "seen voices, noise at 12 dB": noisy_clip,
        "revoiced people": revoiced_clip,
        **{f"unseen: {name}": unseen_clip(name) for name in UNSEEN},
        "foreign English": foreign_clip,
    }
    for name, make in makers.items():
        random = Random(f"judge {name}")
        yield name, [make(random) for _ in range(size)]
    for kind in KINDS:
        random = Random(f"judge {kind}")
        yield f"wordless: {kind}", [wordless_clip(kind, random) for _ in range(wordless_size // len(KINDS))]


def cached_sets(folder: Path, size: int, wordless_size: int) -> dict[str, list[Clip]]:
    """Return the clips of every set, made on the first call and kept in `folder`."""
    path = folder / f"clips-{size}-{wordless_size}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        flat = [(name, clip) for name, clips in make_sets(size, wordless_size) for clip in clips]
        arrays = {f"{number:05}": clip.samples for number, (_, clip) in enumerate(flat)}
        arrays |= {"names": np.array([name for name, _ in flat]), "texts": np.array([clip.said for _, clip in flat])}
        partial = path.with_suffix(".part.npz")
        np.savez(partial, allow_pickle=False, **arrays)
        partial.replace(path)
    stored, sets = np.load(path), dict[str, list[Clip]]()
    for number, (name, text) in enumerate(zip(stored["names"].tolist(), stored["texts"].tolist(), strict=True)):
        sets.setdefault(name, []).append(Clip(samples=stored[f"{number:05}"], said=text))
    return sets
