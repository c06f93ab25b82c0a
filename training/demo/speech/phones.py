"""How each word of the world sounds, as espeak-ng writes it: the targets that the encoder is taught to spell.

Kept in a file beside the corpus, so that a machine without espeak-ng can train.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from training.demo.world import words

UNHEARD = "ˈˌː‍ \n"  # stress, length, joiners: not sounds


def spell(word: str) -> str:
    """Spell one word in the phonetic alphabet."""
    done = subprocess.run(
        ["espeak-ng", "-q", "--ipa", "-v", "en-us", word],  # noqa: S607 - found on PATH, as the other synthesisers
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    )
    return "".join(sign for sign in done.stdout if sign not in UNHEARD)


def phones(path: Path) -> dict[str, list[int]]:
    """Give every word's phones as numbers from 1 (0 is CTC's blank), spelt once and kept at `path`."""
    if not path.exists():
        path.write_text(json.dumps({word: spell(word) for word in words()}, ensure_ascii=False, indent=1))
    spelt: dict[str, str] = json.loads(path.read_text())
    signs = sorted(set("".join(spelt.values())))
    return {word: [signs.index(sign) + 1 for sign in spelling] for word, spelling in spelt.items()}
