"""A small file system that a test can fill to its last page or make read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = 4096


class Disk:
    """A small file system in memory."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._fill = folder / ".fill"
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small file system needs root on Linux")

    def leave_free(self, pages: int) -> None:
        """Fill the disk except for a number of pages."""
        self._fill.unlink(missing_ok=True)
        free = os.statvfs(self.folder).f_bavail
        with self._fill.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, free - pages) * PAGE)

    def free(self) -> None:
        """Free the space that `leave` filled."""
        self._fill.unlink(missing_ok=True)

    def protect(self) -> None:
        """Make the disk read-only, also for root."""
        subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a file system of eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = Disk(folder, 8)
    try:
        yield mounted
    finally:
        mounted.unmount()
