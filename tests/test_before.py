"""Data made by an earlier version, kept in tests/data/before, still opens."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import wave
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from orchestrator import picture as png
from orchestrator import settings
from orchestrator.gallery import Gallery, index
from orchestrator.record import recover

BEFORE = Path(__file__).parent / "data" / "before"
COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
NEWEST_FIRST = ["gnanp9fav7", "hgz8caf18e", "r2gjmtgxgw", "vgy6hxgfvw"]
LEVELS = 2  # by which a pixel may differ with another version of a library: 0 was measured with the same ones


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BEFORE, tmp_path / "data"))


@pytest.fixture
def gallery(data: Path) -> Gallery:
    return Gallery(data / "gallery")


def index_version(gallery: Gallery) -> int:
    with sqlite3.connect(gallery.folder / index.FILE_NAME) as database:
        found = int(database.execute("PRAGMA user_version").fetchone()[0])
    database.close()
    return found


def test_settings_keep_their_values() -> None:
    path = settings.settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(BEFORE / "settings.toml", path)
    loaded = settings.load(environment={})
    expected = {
        "hearer": "whisper", "speech_model": "demo", "language": "en", "translate": False,
        "initial_prompt": "sailboat, lighthouse", "seconds": 12.5, "refine": True, "silence": 1.0, "device": "",
        "engine": "onnx", "model": "demo", "compute_unit": "cpu", "negative": "snow", "seed": 7, "steps": 8,
        "guidance": 5.5, "sampler": "euler-a", "spacing": "trailing", "count": 2, "strength": 0.6, "threads": 1,
        "keep_audio": True, "host": "127.0.0.1", "port": 8766, "token": "", "idle": 60.0, "queue": 4,
        "most_upload": 1_000_000, "most_seconds": 60.0, "most_pixels": 1_000_000,
    }  # fmt: skip
    assert {name: getattr(loaded, name) for name in expected} == expected


def test_the_gallery_lists_shows_and_searches_with_its_old_index(gallery: Gallery) -> None:
    assert index_version(gallery) == 1
    assert [each.id for each in gallery.list()] == NEWEST_FIRST
    assert [each.id for each in gallery.search("sailboat night")] == ["hgz8caf18e"]
    assert [each.id for each in gallery.page("", "20261121-130305-612068-hgz8caf18e.png", 10)] == NEWEST_FIRST[2:]
    assert gallery.show("r2gj").recipe.transcript == "a white lighthouse by the sea at night"
    assert index_version(gallery) == len(index.MIGRATIONS)
    assert {path.suffix for path in gallery.folder.glob("index.sqlite*")} <= {".sqlite", ".sqlite-journal"}


def test_the_gallery_rebuilds_to_the_same_recipes(gallery: Gallery) -> None:
    before = gallery.list()
    assert gallery.rebuild().pictures == 4
    assert gallery.list() == before
    for kept in before:
        assert png.pixels_digest(png.read_pixels(kept.path)) == kept.recipe.pixels


def test_sources_are_found(gallery: Gallery) -> None:
    parents = {each.id: each.recipe for each in gallery.list() if each.recipe.strength is not None}
    assert gallery.source(parents["hgz8caf18e"]).name == "20261121-130302-252369-vgy6hxgfvw.png"
    assert gallery.source(parents["gnanp9fav7"]).parent == gallery.sources


def test_a_recording_that_was_cut_short_is_recovered(data: Path) -> None:
    (recovered,) = recover(data / "recordings")
    assert recovered.name == "2026-11-20-101213-456-0f1e2d3c.wav"
    for path in sorted((data / "recordings").iterdir()):
        with wave.open(str(path)) as file:
            assert file.getframerate() == 16_000
            assert len(file.readframes(file.getnframes())) == path.stat().st_size - 44


@pytest.mark.parametrize("wanted", NEWEST_FIRST)
def test_repainting_gives_the_same_pixels(wanted: str, data: Path, gallery: Gallery) -> None:
    done = subprocess.run(
        [COMMAND, "gallery", "repaint", wanted, "--json"],
        capture_output=True,
        text=True,
        env=os.environ | {"AUDIO_TO_IMAGE_DATA": str(data)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (event,) = [event for line in done.stdout.splitlines() if (event := json.loads(line))["event"] == "kept"]
    original = gallery.show(wanted)
    repainted = png.read_pixels(Path(event["path"])).astype(int)
    worst = int(np.abs(repainted - png.read_pixels(original.path)).max())
    libraries = ("onnxruntime", "numpy")
    if all(original.recipe.versions[name] == version(name) for name in libraries):
        assert (worst, event["recipe"]["pixels"]) == (0, original.recipe.pixels)
    assert worst <= LEVELS
