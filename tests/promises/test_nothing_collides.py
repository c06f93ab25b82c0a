"""Nothing collides: in a crowd, under a wrong clock, in a folder that goes, names differ and the index is whole."""

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
from held import hold_to_its_files
from often import often
from test_recipe import PLAIN

from orchestrator.errors import AudioToImageError
from orchestrator.gallery import Gallery

PIXELS = np.zeros((8, 8, 3), np.uint8)
needs_faketime = pytest.mark.skipif(not shutil.which("faketime"), reason="faketime is not installed")


def test_a_folder_that_goes_while_pictures_are_kept_costs_one_line(tmp_path: Path, record_property: Callable) -> None:
    gallery, told = Gallery(tmp_path / "gallery"), 0
    removed = threading.Event()

    def remove() -> None:
        while not removed.is_set():
            shutil.rmtree(gallery.folder, ignore_errors=True)
            time.sleep(0.003)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(remove)
        try:
            for _ in range(often(100, 3000)):
                try:
                    gallery.keep(PIXELS, PLAIN)
                except AudioToImageError as error:
                    told += bool(error.hint)
        finally:
            removed.set()
    hold_to_its_files(gallery)
    record_property("seen", f"{often(100, 3000)} pictures while the folder is removed: {told} refused in one line")


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
    os.read(starts, 1)  # ends when all are there
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
    command = [*before, sys.executable, "-c", CROWD, gallery.folder, str(processes), str(each)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("processes", [2, 10, 50])
def test_however_many_keep_at_once_nothing_collides(processes: int, tmp_path: Path, record_property: Callable) -> None:
    gallery, each = Gallery(tmp_path / "gallery"), often(4, 40)
    crowd(gallery, processes, each)
    assert len(gallery.list()) == processes * each
    hold_to_its_files(gallery)
    record_property("seen", f"{processes} processes kept {processes * each} pictures: all there, the same when rebuilt")


@needs_faketime
@pytest.mark.parametrize("clock", ["-400d", "2020-02-02 02:02:02"], ids=["set back", "standing still"])
def test_a_wrong_clock_changes_no_picture_that_is_there(clock: str, tmp_path: Path, record_property: Callable) -> None:
    gallery, each = Gallery(tmp_path / "gallery"), often(5, 50)
    crowd(gallery, 4, each)
    before = set(gallery.folder.glob("*.png"))
    crowd(gallery, 4, each, "faketime", "--exclude-monotonic", "-f", clock)
    assert len(gallery.list()) == 8 * each
    assert before < set(gallery.folder.glob("*.png"))
    hold_to_its_files(gallery)
    record_property("seen", f"{4 * each} pictures kept under it beside {4 * each} others: all there, none overwritten")


@needs_faketime
def test_under_a_clock_that_stands_still_no_two_recordings_share_a_name(tmp_path: Path) -> None:
    program = "from orchestrator.record import new_path, Path\nfor _ in range(1000): print(new_path(Path()))"
    command = ["faketime", "-f", "2020-02-02 02:02:02", sys.executable, "-c", program]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(set(names)) == len(names) == 1000
