"""No partial file has a final name, also when the disk is full or read-only."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import wave
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import hub as local
import numpy as np
import pytest
from disk import Disk, disk
from gallery_checks import check_index_matches_files
from hub import FILES, MODEL, contents
from microphone import Microphone, microphone
from repetitions import LONG, repetitions
from sounds import noise
from test_recipe import PLAIN

from orchestrator import fetch, sound
from orchestrator import picture as png
from orchestrator.catalogue import Catalogue
from orchestrator.convert import convert
from orchestrator.errors import AudioToImageError
from orchestrator.fetch import bundle
from orchestrator.gallery import Gallery
from orchestrator.mac.shortcut import TALKING, export
from orchestrator.paint.description import Description
from orchestrator.record import recover
from orchestrator.record.partial import Partial
from orchestrator.settings import Settings, demo_models

__all__ = ["disk", "microphone"]

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
CATALOGUE = Catalogue(models=(MODEL,), roles={})
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
STORED = 60_000  # bytes on standard input
RECORDING = str(demo_models() / "recordings" / "01.wav")
Act = Callable[[], object]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Return settings for another disk that has a model and a bundle of it; the hub it came from keeps running."""
    settings = Settings(data=tmp_path / "elsewhere")
    with local.running(monkeypatch):
        list(fetch.get(MODEL, settings))
        list(bundle.bundle([MODEL], tmp_path / "elsewhere" / "boat.tar", settings))
        yield settings


def keeping(folder: Path, _: Settings) -> Act:
    gallery = Gallery(folder / "gallery")
    gallery.keep(PIXELS, PLAIN)
    return lambda: [gallery.keep(PIXELS, PLAIN) for _ in range(3)]


def keeping_the_first(folder: Path, _: Settings) -> Act:
    return lambda: Gallery(folder / "gallery").keep(PIXELS, PLAIN)


def rebuilding(folder: Path, _: Settings) -> Act:
    gallery = Gallery(folder / "gallery")
    for _number in range(3):
        gallery.keep(PIXELS, PLAIN)
    return gallery.rebuild


def exporting(folder: Path, _: Settings) -> Act:
    gallery = Gallery(folder / "gallery")
    kept = gallery.keep(PIXELS, PLAIN)
    return lambda: list(gallery.export([kept.id], folder / "out"))


def removing(folder: Path, _: Settings) -> Act:
    gallery = Gallery(folder / "gallery")
    kept = gallery.keep(PIXELS, PLAIN)
    return lambda: (gallery.remove(kept.id), gallery.restore(kept.id))


def recording(folder: Path, _: Settings) -> Act:
    def act() -> None:
        partial = Partial(folder / "recordings" / "said.wav")
        try:
            for _ in range(5):
                partial.write(noise(0.25))
        finally:
            partial.finish()

    return act


def recovering(folder: Path, _: Settings) -> Act:
    (folder / "recordings").mkdir()
    (folder / "recordings" / "left.part.wav").write_bytes(sound.wav_header(0) + noise(0.5).tobytes())
    return lambda: recover(folder / "recordings")


def storing(folder: Path, _: Settings) -> Act:
    class Stdin:
        buffer = io.BytesIO(sound.wav_header(STORED) + bytes(STORED))

    def act() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", Stdin)
            sound.as_file("-", folder / "recordings")

    return act


def writing_sound(folder: Path, _: Settings) -> Act:
    return lambda: sound.write_wav(folder / "sound.wav", [noise(0.5)])


def fetching(folder: Path, _: Settings) -> Act:
    return lambda: list(fetch.get(MODEL, Settings(data=folder)))


def bundling(folder: Path, settings: Settings) -> Act:
    return lambda: list(bundle.bundle([MODEL], folder / "boat.tar", settings))


def adding(folder: Path, settings: Settings) -> Act:
    return lambda: list(bundle.add(settings.data / "boat.tar", CATALOGUE, Settings(data=folder)))


def describing(folder: Path, _: Settings) -> Act:
    description = Description.read(demo_models() / "pictures" / "onnx")
    return lambda: description.write(folder)


def making_a_shortcut(folder: Path, _: Settings) -> Act:
    return lambda: export(TALKING, folder, Path("audio-to-image"))


WRITINGS = (
    keeping, keeping_the_first, rebuilding, exporting, removing, recording, recovering, storing, writing_sound,
    fetching, bundling, adding, describing, making_a_shortcut,
)  # fmt: skip


def check(folder: Path) -> None:
    """Assert that every file with a final name is complete and that the index matches the files."""
    for path in folder.rglob("*.png"):
        assert png.read_png(path), path
        assert png.read_pixels(path).shape == PIXELS.shape
    for path in folder.rglob("*.wav"):
        if path.stat().st_size:
            with wave.open(str(path)) as file:
                assert len(file.readframes(1 << 24)) == 2 * file.getnframes() > 0, path
    for path in folder.rglob("stdin-*"):
        assert path.stat().st_size == sound.HEADER_BYTES + STORED
    for path in folder.rglob("*.tar"):
        list(bundle.add(path, CATALOGUE, Settings(data=folder.parent / "added")))
    if (folder / "models" / "boat").exists():
        assert contents(Settings(data=folder)) == {name: FILES[name] for name in ("on/unet.onnx", "on/model.json")}
    if (folder / "model.json").exists():
        Description.read(folder)
    if (folder / "gallery").exists():
        check_index_matches_files(Gallery(folder / "gallery"))


def outcome(act: Act) -> str:
    """Run an action; return "done", "full" for the expected error with a hint, or the text of another error."""
    try:
        act()
    except AudioToImageError as error:
        full = re.search("disk is (too )?full|No space left", str(error))
        return "full" if full and error.hint else f"{error} | {error.hint}"
    return "done"


@pytest.mark.parametrize("writing", WRITINGS, ids=lambda each: each.__name__)
def test_a_full_disk_leaves_only_whole_files(
    writing: Callable[[Path, Settings], Act], disk: Disk, elsewhere: Settings, record_property: Callable
) -> None:
    """Give the disk one more page each time, so that it is full at the first write, then at the second, and so on."""
    outcomes: Counter[str] = Counter()
    pages, step = 0, repetitions(3, 1)
    while not outcomes["done"]:
        folder = disk.folder / str(pages)
        folder.mkdir()
        act = writing(folder, elsewhere)
        disk.leave_free(pages)
        outcomes[outcome(act)] += 1
        disk.free()
        check(folder)
        shutil.rmtree(folder)
        pages += step
        assert pages < 2000
    assert set(outcomes) <= {"full", "done"}
    assert outcomes["full"] or writing is recovering  # it completes the file in place
    record_property("seen", f"full at {outcomes['full']} places, then done: one clear error each, no partial file")


@pytest.mark.skipif(not LONG, reason="converting takes long")
@pytest.mark.parametrize("to", ["onnx", "coreml"])
def test_a_full_disk_leaves_no_converted_model(to: str, disk: Disk, tmp_path: Path) -> None:
    import tiny

    source = tiny.save("1", tmp_path / "model")
    for pages in (0, 1, 3, 10, 60, 400, 500, 600, 700):
        target = disk.folder / "converted"
        disk.leave_free(pages)
        act: Act = partial(deque, convert(source, target, to=to), maxlen=0)
        assert outcome(act) == "full"
        assert {path.name for path in disk.folder.iterdir()} == {".fill"}


# Another user, who can read everything (this Python may be in a closed home folder) and write nothing of ours.
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NOBODY += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
VERBS = {
    "paint": ["paint", "a red house", "--steps", "1"],
    "picture": ["picture", RECORDING, "--steps", "1"],
    "list": ["gallery", "list"],
    "rebuild": ["gallery", "rebuild"],
    "record": ["record", "--seconds", "1"],
    "remove a model": ["models", "remove", "base.en"],
    "a shortcut": ["shortcut", "export", "--output", "data/shortcuts"],
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("way", ["a read-only disk", "another user's folder", "a file in the way"])
def test_a_folder_that_cannot_be_written_gives_one_error_and_no_file(
    way: str, verb: str, disk: Disk, monkeypatch: pytest.MonkeyPatch, microphone: Microphone
) -> None:
    data = disk.folder / "data"
    if way == "a file in the way":
        data.write_bytes(b"")
    else:
        Gallery(data / "gallery").keep(PIXELS, PLAIN)
        for folder in (data, data / "gallery", *data.parents):
            if folder.owner() == "root":
                folder.chmod(folder.stat().st_mode | 0o055)
    if way == "a read-only disk":
        disk.protect()
    before = sorted(disk.folder.rglob("*"))
    monkeypatch.setenv("AUDIO_TO_IMAGE_DATA", str(data))
    monkeypatch.setenv("HOME", str(disk.folder))
    command = [*(NOBODY if way == "another user's folder" else []), COMMAND, *VERBS[verb]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=disk.folder)
    assert done.returncode in (1, 4), done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(r"^error: .*(not allowed|cannot|not here|no microphone).*\n  try: \S", done.stderr, re.MULTILINE)
    assert sorted(disk.folder.rglob("*")) == before
