"""The phones of each word, as espeak-ng writes them: the targets of the encoder's CTC loss.

They are kept in a file beside the corpus, so that a machine without espeak-ng can train.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from training.demo.world import words

NOT_SOUNDS = "ˈˌː‍ \n"  # stress, length, joiners


def spell(word: str) -> str:
    """Return a word in the International Phonetic Alphabet."""
    done = subprocess.run(
        ["espeak-ng", "-q", "--ipa", "-v", "en-us", word],  # noqa: S607 - found on PATH, like the other synthesisers
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    )
    return "".join(symbol for symbol in done.stdout if symbol not in NOT_SOUNDS)


def phones(path: Path) -> dict[str, list[int]]:
    """Return every word's phones as numbers from 1 (0 is CTC's blank); make the file at `path` if it is missing."""
    if not path.exists():
        path.write_text(json.dumps({word: spell(word) for word in words()}, ensure_ascii=False, indent=1))
    spelt: dict[str, str] = json.loads(path.read_text())
    symbols = sorted(set("".join(spelt.values())))
    return {word: [symbols.index(symbol) + 1 for symbol in spelling] for word, spelling in spelt.items()}
