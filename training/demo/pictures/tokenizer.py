"""A CLIP tokenizer in which each word of the demo world is one token.

`vocab.json` and `merges.txt` are laid out as CLIP's: 256 bytes, the same 256 at the end of a word, the merges,
`<|startoftext|>`, `<|endoftext|>`. All other text is tokenized byte by byte.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from training.demo import world

LENGTH = 28  # tokens of a caption, start and end included
START, END = "<|startoftext|>", "<|endoftext|>"
Pair = tuple[str, str]


def byte_letters() -> list[str]:
    """Return the 256 printable characters that represent bytes, in CLIP's order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + place) for place in range(len(rest))]


def split(word: str, ranks: dict[Pair, int]) -> list[str]:
    """Split a word into tokens, applying the earliest merge first."""
    pieces = [*word[:-1], word[-1] + "</w>"]
    while len(pieces) > 1:
        pairs = list(pairwise(pieces))
        first = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if first not in ranks:
            break
        place = pairs.index(first)
        pieces[place : place + 2] = ["".join(first)]
    return pieces


def merges(words: list[str]) -> list[Pair]:
    """Return merges that make each word one token.

    A word's missing merges come after the existing ones, so words that already are one token stay one token.
    """
    ranks: dict[Pair, int] = {}
    for word in words:
        while len(pieces := split(word, ranks)) > 1:
            ranks[pieces[0], pieces[1]] = len(ranks)
    return list(ranks)


def vocabulary() -> dict[str, int]:
    """Return the number of every token."""
    letters = byte_letters()
    tokens = [*letters, *(letter + "</w>" for letter in letters), *map("".join, merges(world.words())), START, END]
    return {token: number for number, token in enumerate(tokens)}


def encode(text: str, numbers: dict[str, int]) -> list[int]:
    """Return LENGTH tokens for a caption of known words; the empty caption is the unconditional one."""
    inner = [numbers[word + "</w>"] for word in text.split()][: LENGTH - 2]
    return [numbers[START], *inner] + [numbers[END]] * (LENGTH - 1 - len(inner))


def save(folder: Path) -> None:
    """Write the files of the tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    ends = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    settings = ends | {
        "add_prefix_space": False,
        "do_lower_case": True,
        "model_max_length": LENGTH,
        "tokenizer_class": "CLIPTokenizer",
    }
    (folder / "vocab.json").write_text(json.dumps(vocabulary(), ensure_ascii=False), encoding="utf-8")
    lines = "\n".join(" ".join(pair) for pair in merges(world.words()))
    (folder / "merges.txt").write_text(f"#version: 0.2\n{lines}\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(ends, indent=2) + "\n", encoding="utf-8")
