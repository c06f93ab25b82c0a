"""This machine's chip, memory and system, as the system reports them."""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator import shell
from orchestrator.errors import AudioToImageError

UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9}
MEMINFO, CPUINFO = Path("/proc/meminfo"), Path("/proc/cpuinfo")
FREE_PAGES = (
    "Pages free",
    "Pages inactive",
    "Pages speculative",
    "Pages purgeable",
)  # what macOS can give to a program


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A computer's main facts."""

    chip: str
    memory: int  # bytes
    system: str


def look() -> Machine:
    """Read this machine's facts."""
    if sys.platform == "darwin":
        memory = int(_sysctl("hw.memsize") or 0)
        return Machine(chip=chip(), memory=memory, system=f"macOS {platform.mac_ver()[0]}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(chip=chip(), memory=memory, system=_linux())


def chip() -> str:
    """Return the processor's name; "" if it is unknown."""
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    names = re.findall(r"^model name\s*:\s*(.+)$", CPUINFO.read_text(), re.MULTILINE) if CPUINFO.exists() else []
    return names[0] if names else platform.machine()


def free_memory() -> int | None:
    """Return the bytes a program can take without swapping, or None if that is unknown."""
    if sys.platform == "darwin":
        return reclaimable(shell.run(["vm_stat"]).stdout.decode(errors="replace"))
    found = re.search(r"^MemAvailable:\s+(\d+) kB", MEMINFO.read_text(), re.MULTILINE) if MEMINFO.exists() else None
    return int(found[1]) * 1024 if found else None


def reclaimable(vm_stat: str) -> int | None:
    """Add up the pages in `vm_stat`'s output that are free or can be freed at once."""
    page = re.search(r"page size of (\d+) bytes", vm_stat)
    pages = [
        int(count) for name, count in re.findall(r"^(.+?):\s+(\d+)\.$", vm_stat, re.MULTILINE) if name in FREE_PAGES
    ]
    return int(page[1]) * sum(pages) if page and pages else None


def in_bytes(size: str) -> int:
    """Read a size such as "388 MB" or "2.1 GB"; return 0 for other text."""
    found = re.search(r"([\d.]+)\s*([KMG]B)", size)
    return int(float(found[1]) * UNITS[found[2]]) if found else 0


def as_size(count: float) -> str:
    """Format bytes, such as "2.1 GB"."""
    unit = next((unit for unit in ("GB", "MB") if count >= UNITS[unit]), "KB")
    return f"{count / UNITS[unit]:.1f} {unit}"


def _sysctl(name: str) -> str:
    try:
        program = shell.find("sysctl") or "/usr/sbin/sysctl"
        return shell.run([program, "-n", name]).stdout.decode(errors="replace").strip()
    except AudioToImageError:
        return ""


def _linux() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
