"""CLIP's byte-pair tokens, from a model's own vocab.json and merges.txt."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from orchestrator.errors import AudioToImageError

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
PIECES = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
HINT = "audio-to-image models verify"


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """A prompt as a model reads it."""

    ids: NDArray[np.int64]
    cut: str = ""  # the end of the prompt, where it was too long


class ClipTokenizer:
    """CLIP's tokenizer with a model's own vocabulary."""

    def __init__(self, folder: Path, *, length: int, padding: int) -> None:
        vocabulary = _vocabulary(folder / "vocab.json")
        self._length, self._padding = length, padding
        self._start, self._end = vocabulary[START], vocabulary[END]
        self._tokenizer = _tokenizer(vocabulary, _merges(folder / "merges.txt", vocabulary), padding)

    def __call__(self, prompt: str) -> Tokens:
        """Return a prompt's ids, padded to the model's length; a prompt that is too long loses its end."""
        encoding = self._tokenizer.encode(prompt, add_special_tokens=False)
        room = self._length - 2
        kept = [self._start, *encoding.ids[:room], self._end]
        kept += [self._padding] * (self._length - len(kept))
        cut = prompt[encoding.offsets[room][0] :].strip() if len(encoding.ids) > room else ""
        return Tokens(ids=np.array(kept, np.int64), cut=cut)


def unknown_words(prompt: str, words: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a prompt that a small model does not know, each once."""
    known = set(words)
    return tuple(dict.fromkeys(word for word in re.findall(r"[^\W\d_]+", prompt.lower()) if word not in known))


def _tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]], padding: int) -> Tokenizer:
    bytes_to_words = models.BPE(vocabulary, merges, unk_token=END, end_of_word_suffix=WORD_END, fuse_unk=False)
    tokenizer = Tokenizer(bytes_to_words)
    tidy = [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    tokenizer.normalizer = normalizers.Sequence(tidy)
    split = pre_tokenizers.Split(Regex(PIECES), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    # The padding token is special, so a "!" in a prompt becomes Stable Diffusion 2's padding: in the reference too.
    special = dict.fromkeys((START, END, *(word for word, number in vocabulary.items() if number == padding)))
    tokenizer.add_special_tokens([AddedToken(word, special=True) for word in special])
    return tokenizer


def _vocabulary(path: Path) -> dict[str, int]:
    try:
        vocabulary: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AudioToImageError(f"cannot read the model's vocabulary in {path}: {error}", HINT) from error
    sound = isinstance(vocabulary, dict) and all(type(number) is int and number >= 0 for number in vocabulary.values())
    if not sound or START not in vocabulary or END not in vocabulary:
        raise AudioToImageError(f"{path} is not a CLIP vocabulary", HINT)
    return vocabulary


def _merges(path: Path, vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise AudioToImageError(f"cannot read the model's merges in {path}: {error}", HINT) from error
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    for merge in merges:
        if len(merge) != 2 or not {*merge, "".join(merge)} <= vocabulary.keys():
            raise AudioToImageError(f"{path} does not go with its vocabulary: {' '.join(merge)[:60]!r}", HINT)
    return [(left, right) for left, right in merges]
