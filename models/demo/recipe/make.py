"""Make both demo models anew, from nothing to the shipped files.

python models/demo/recipe/make.py            hours; goes on where it was stopped, replaces what is shipped at the end
python models/demo/recipe/make.py --quick    minutes, at toy size; touches nothing that is shipped
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

RECIPE = Path(__file__).parent
DEMO = RECIPE.parent


def main() -> None:
    """Run the two recipes, one after the other: each takes all the cores it is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="toy size: everything runs, nothing is learnt")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    work = DEMO / "making" / ("quick" if arguments.quick else ".")
    places = ["--out", str(work if arguments.quick else DEMO), "--processes", str(arguments.processes)]
    size = ["--quick"] if arguments.quick else []
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for script, folder in (("build_speech.py", work / "speech"), ("build_pictures.py", work)):
        command = [sys.executable, str(RECIPE / script), "--work", str(folder), *places, *size]
        subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    main()
