"""Our engine beside diffusers: the same weights on the same machine, in turn, each measured in a process of its own.

    python bench/engine.py                  the demo model: every engine, three rounds
    python bench/engine.py --quick --json   ours on ONNX Runtime beside diffusers; ends within 50 s, last line JSON
    python bench/engine.py --full-size      a random model of Stable Diffusion 2.1's size, two steps

`start` runs from the start of the process to the first call of the UNet, a `step` from one call to the next; `memory`
is the peak of resident memory. Ratios are ours over diffusers', medians of all rounds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

DEMO = ROOT / "models" / "demo" / "making" / "diffusers"
KEPT = ROOT / "build" / "bench"
CHILD = Path(__file__).with_name("engine_child.py")
OURS, THEIRS = "onnx", "diffusers"
ENGINES = {
    OURS: "ours, ONNX Runtime",
    THEIRS: "diffusers",
    "openvino": "ours, OpenVINO fp32",
    "openvino-bf16": "ours, OpenVINO bf16",
    "diffusers-bf16": "diffusers, bf16 autocast",
}
FIGURES = ("start", "step", "picture", "memory")
QUICK = 45.0  # seconds: no round starts that might end later
ROUNDS = 3


def main() -> None:
    """Measure, print a table, and with --json the ratios on the last line."""
    asked = arguments()
    began = time.monotonic()
    source, graphs = models(asked)
    engines = (OURS, THEIRS) if asked.quick else tuple(ENGINES)
    rounds = list(measure(asked, source, graphs, engines, began))
    figures = {engine: {name: median(each[engine][name] for each in rounds) for name in FIGURES} for engine in engines}
    loop_ms = child("loop", graphs, steps=200)["loop_ms"]
    table(figures, loop_ms, len(rounds))
    if asked.json:
        ratios = {
            f"{name}_ratio": round(figures[OURS][name] / figures[THEIRS][name], 3)
            for name in ("start", "step", "memory")
        }
        print(json.dumps({**ratios, "loop_ms": round(loop_ms, 3), "rounds": len(rounds), "figures": figures}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a diffusers folder; without it the demo model, trained or random")
    parser.add_argument("--quick", action="store_true", help="ONNX Runtime and diffusers only, within 50 s")
    parser.add_argument("--json", action="store_true", help="print the ratios as JSON on the last line")
    parser.add_argument("--full-size", action="store_true", help="a random model of Stable Diffusion 2.1's size")
    parser.add_argument("--steps", type=int, help="20; two at full size")
    parser.add_argument("--threads", type=int, help="for all of them; without it each chooses its own")
    asked = parser.parse_args()
    asked.steps = asked.steps or (2 if asked.full_size else 20)
    return asked


def models(asked: argparse.Namespace) -> tuple[Path, Path]:
    """Find or make the model for diffusers, and convert it for our engine; both are kept for the next run."""
    source = asked.model or (DEMO if DEMO.exists() and not asked.full_size else None)
    if source is None:
        name = "full" if asked.full_size else "demo"
        source = KEPT / name
        if not source.exists():
            import random_models

            KEPT.mkdir(parents=True, exist_ok=True)
            getattr(random_models, name)(source)
    weights = next((source / "unet").glob("*.safetensors")).stat()
    made = f"{source.parent.name}-{source.name}-onnx"
    graphs = KEPT / f"{made}-{weights.st_mtime_ns:x}-{weights.st_size:x}"
    if not graphs.exists():
        from orchestrator.convert import convert

        for old in KEPT.glob(f"{made}-*"):
            shutil.rmtree(old)
        for working in convert(source, graphs, to="onnx"):
            print(working.what, file=sys.stderr)
    return source, graphs


def measure(
    asked: argparse.Namespace, source: Path, graphs: Path, engines: tuple[str, ...], began: float
) -> Iterator[dict[str, dict[str, float]]]:
    """Yield rounds, in each of which every engine paints one picture."""
    longest = 0.0
    for _ in range(1 if asked.full_size else ROUNDS):
        now = time.monotonic()
        if asked.quick and longest and now - began + longest > QUICK:
            return
        yield {
            engine: child(engine, source if THEIRS in engine else graphs, asked.steps, asked.threads)
            for engine in engines
        }
        longest = max(longest, time.monotonic() - now)


def child(engine: str, folder: Path, steps: int, threads: int | None = None) -> dict[str, float]:
    """Run one engine in its own process."""
    command = [sys.executable, str(CHILD), engine, str(folder), str(steps), str(threads or 0), repr(time.time())]
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=said, text=True, check=False)
        if done.returncode:
            said.seek(0)
            raise SystemExit(f"{engine} failed:\n{said.read()[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def table(figures: dict[str, dict[str, float]], loop_ms: float, rounds: int) -> None:
    """Print all figures, medians of the rounds."""
    print(f"{'':26}{'start s':>10}{'step s':>10}{'picture s':>11}{'memory MB':>11}   medians of {rounds}")
    for engine, each in figures.items():
        print(
            f"{ENGINES[engine]:26}{each['start']:10.2f}{each['step']:10.4f}{each['picture']:11.2f}{each['memory']:11.0f}"
        )
    print(f"the loop without its graphs, 64x64x4: {loop_ms:.2f} ms a step")


if __name__ == "__main__":
    main()
