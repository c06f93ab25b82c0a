"""Nothing leaves the machine: no library of ours reports home, or marks this machine with an id."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_onnx_runtime_reports_nothing_and_marks_no_machine(isolated: Path) -> None:
    program = "import orchestrator, onnxruntime; onnxruntime.get_available_providers()"
    subprocess.run([sys.executable, "-c", program], env={"HOME": str(isolated), "PATH": "/usr/bin:/bin"}, check=True)
    assert not list(isolated.rglob("*"))
