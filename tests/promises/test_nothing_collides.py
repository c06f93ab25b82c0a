"""Many writers, a wrong clock or a deleted folder neither overwrite a picture nor damage the index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gallery_checks import check_index_matches_files
from repetitions import repetitions
from test_recipe import PLAIN

from orchestrator.errors import AudioToImageError
from orchestrator.gallery import Gallery

PIXELS = np.zeros((8, 8, 3), np.uint8)
needs_faketime = pytest.mark.skipif(not shutil.which("faketime"), reason="faketime is not installed")


def test_deleting_the_folder_meanwhile_gives_clear_errors_only(tmp_path: Path, record_property: Callable) -> None:
    gallery, refused = Gallery(tmp_path / "gallery"), 0
    removed = threading.Event()

    def remove() -> None:
        while not removed.is_set():
            shutil.rmtree(gallery.folder, ignore_errors=True)
            time.sleep(0.003)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(remove)
        try:
            for _ in range(repetitions(100, 3000)):
                try:
                    gallery.keep(PIXELS, PLAIN)
                except AudioToImageError as error:
                    refused += bool(error.hint)
        finally:
            removed.set()
    check_index_matches_files(gallery)
    record_property("seen", f"{repetitions(100, 3000)} pictures while the folder is removed: {refused} clear errors")


CROWD = """
import os, sys
from pathlib import Path
import numpy as np
from orchestrator.gallery import Gallery
from test_recipe import PLAIN
gallery, processes, each = Gallery(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
pixels, (starts, start), children = np.zeros((8, 8, 3), np.uint8), os.pipe(), []
for number in range(processes):
    child = os.fork()
    if child:
        children.append(child)
        continue
    os.close(start)
    os.read(starts, 1)  # returns when all have started
    for turn in range(each):
        kept = gallery.keep(pixels, PLAIN)
        if number % 5 == 1:
            gallery.list(3)
        if number % 10 == 3 and turn % 4 == 0:
            gallery.rebuild()
    os._exit(0)
os.close(start)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def crowd(gallery: Gallery, processes: int, each: int, *before: str) -> None:
    command = [*before, sys.executable, "-c", CROWD, str(gallery.folder), str(processes), str(each)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("processes", [2, 10, 50])
def test_many_processes_at_once_lose_no_picture(processes: int, tmp_path: Path, record_property: Callable) -> None:
    gallery, each = Gallery(tmp_path / "gallery"), repetitions(4, 40)
    crowd(gallery, processes, each)
    assert len(gallery.list()) == processes * each
    check_index_matches_files(gallery)
    record_property("seen", f"{processes} processes kept {processes * each} pictures: all there, the same when rebuilt")


@needs_faketime
@pytest.mark.parametrize("clock", ["-400d", "2020-02-02 02:02:02"], ids=["set back", "standing still"])
def test_a_wrong_clock_overwrites_no_picture(clock: str, tmp_path: Path, record_property: Callable) -> None:
    gallery, each = Gallery(tmp_path / "gallery"), repetitions(5, 50)
    crowd(gallery, 4, each)
    before = set(gallery.folder.glob("*.png"))
    crowd(gallery, 4, each, "faketime", "--exclude-monotonic", "-f", clock)
    assert len(gallery.list()) == 8 * each
    assert before < set(gallery.folder.glob("*.png"))
    check_index_matches_files(gallery)
    record_property("seen", f"{4 * each} pictures kept under it beside {4 * each} others: all there, none overwritten")


@needs_faketime
def test_recordings_have_different_names_even_when_the_clock_stands_still(tmp_path: Path) -> None:
    program = "from orchestrator.record import new_path, Path\nfor _ in range(1000): print(new_path(Path()))"
    command = ["faketime", "-f", "2020-02-02 02:02:02", sys.executable, "-c", program]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(set(names)) == len(names) == 1000
