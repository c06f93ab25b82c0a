"""Copy a model's tokenizer as `vocab.json` and `merges.txt`, and find its padding token."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from orchestrator.convert.source import HINT, Source
from orchestrator.errors import AudioToImageError

VOCABULARY, MERGES, WHOLE = "vocab.json", "merges.txt", "tokenizer.json"


def check(source: Source) -> None:
    """Raise where a model has no tokenizer."""
    folder = source.folder / "tokenizer"
    if not _plain(folder) and not (folder / WHOLE).is_file():
        raise AudioToImageError(f"cannot convert {source.folder}: tokenizer/{VOCABULARY} or {MERGES} is missing", HINT)


def write(source: Source, target: Path) -> None:
    """Copy the vocabulary and the merges, or take them from the one file that transformers 5 saves."""
    folder = source.folder / "tokenizer"
    if _plain(folder):
        for name in (VOCABULARY, MERGES):
            shutil.copyfile(folder / name, target / name)
        return
    try:
        model = json.loads((folder / WHOLE).read_text(encoding="utf-8"))["model"]
        vocabulary = json.dumps(model["vocab"], ensure_ascii=False)
        merges = "\n".join(["#version: 0.2", *map(_pair, model["merges"])]) + "\n"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AudioToImageError(f"{folder / WHOLE} holds no byte pairs: {error}", HINT) from error
    (target / VOCABULARY).write_text(vocabulary, encoding="utf-8")
    (target / MERGES).write_text(merges, encoding="utf-8")


def padding(source: Source) -> int:
    """Return the padding token that transformers uses: the files of SD 2.x contradict each other."""
    from transformers import CLIPTokenizer

    return int(CLIPTokenizer.from_pretrained(source.folder / "tokenizer", local_files_only=True).pad_token_id)


def _plain(folder: Path) -> bool:
    return (folder / VOCABULARY).is_file() and (folder / MERGES).is_file()


def _pair(merge: Any) -> str:
    return merge if isinstance(merge, str) else " ".join(merge)
