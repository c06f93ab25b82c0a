"""Make both demo models from nothing.

python -m training.demo.make            hours; resumes where it was stopped and replaces the shipped files at the end
python -m training.demo.make --quick    minutes, at toy size; changes no shipped file
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from training.demo.files import DEMO, WORK


def main() -> None:
    """Run both builds, one after the other: each uses all the given processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="toy size: every stage runs, nothing is learnt")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    work = WORK / "quick" if arguments.quick else WORK
    options = ["--out", str(work if arguments.quick else DEMO), "--processes", str(arguments.processes)]
    options += ["--quick"] if arguments.quick else []
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for module, folder in (("speech", work / "speech"), ("pictures", work)):
        command = [sys.executable, "-m", f"training.demo.{module}.build", "--work", str(folder), *options]
        subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    main()
