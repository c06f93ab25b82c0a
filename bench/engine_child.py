"""Paint one picture with one engine in this process and print the figures as a JSON line."""

from __future__ import annotations

import itertools
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

PROMPT = "a red sailboat on the sea at sunset"


def main() -> None:
    """Measure one engine; the last argument is the time at which the parent started this process."""
    engine, folder, steps, threads, began = sys.argv[1:]
    if engine == "loop":
        print(json.dumps({"loop_ms": loop(int(steps)) * 1000}))
        return
    entered: list[float] = []  # the times at which the UNet was called
    paint = diffusers if engine.startswith("diffusers") else ours
    paint(engine, Path(folder), int(steps), int(threads), lambda *_: entered.append(time.time()))
    done = time.time()
    gaps = [later - earlier for earlier, later in itertools.pairwise(entered)]
    start = float(began)
    figures = {"start": entered[0] - start, "step": median(gaps), "picture": done - start, "memory": peak_megabytes()}
    print(json.dumps(figures))


def ours(engine: str, folder: Path, steps: int, threads: int, enter: Callable[..., None]) -> None:
    """Paint with our engine."""
    from orchestrator.diffusion.guidance import Guided
    from orchestrator.paint import Wish, open_painter

    call = Guided.__call__

    def watched(*given: Any) -> Any:
        enter()
        return call(*given)

    Guided.__call__ = watched  # type: ignore[method-assign, assignment]
    if engine == "openvino-bf16":
        from orchestrator.paint import openvino

        painter: Any = openvino.painter(folder, compute_unit="auto", threads=threads or None, batch=1, precision="bf16")
    else:
        painter = open_painter(folder, engine=engine, threads=threads or None)
    *_, last = painter.paint(Wish(prompt=PROMPT, seed=0, steps=steps, guidance=5.0, sampler="dpm++2m"))
    if last.pixels is None or last.pixels.std() == 0:
        raise SystemExit("nothing was painted")


def diffusers(engine: str, folder: Path, steps: int, threads: int, enter: Callable[..., None]) -> None:
    """Paint with diffusers as its documentation says; weights saved in fp16 must be widened by name."""
    from contextlib import nullcontext

    import torch
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

    if threads:
        torch.set_num_threads(threads)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.unet.register_forward_pre_hook(enter)
    with torch.autocast("cpu", torch.bfloat16) if engine.endswith("bf16") else nullcontext():
        pipeline(PROMPT, num_inference_steps=steps, guidance_scale=5.0)


def loop(steps: int) -> float:
    """Time a step of our loop at 64x64x4 with graphs that cost nothing."""
    import numpy as np

    from orchestrator.paint import Wish
    from orchestrator.paint.description import Description
    from orchestrator.paint.latent import LatentPainter
    from orchestrator.runtime import Port

    clip = Path(__file__).parent.parent / "tests" / "data" / "clip"
    shapes = {"sample": (None, 4, 64, 64), "timestep": (None,), "encoder_hidden_states": (None, 1024, 1, 77)}
    ports = {**shapes, "input_ids": (1, 77), "z": (1, 4, 64, 64)}
    answers = {
        "noise_pred": np.random.RandomState(0).randn(2, 4, 64, 64).astype(np.float32),
        "last_hidden_state": np.zeros((1, 77, 1024), np.float32),
        "image": np.zeros((1, 3, 512, 512), np.float32),
    }

    class Free:
        """Every graph and its runtime at once."""

        compute_unit, threads = "cpu", 1

        def __init__(self) -> None:
            self.folder, self.versions = clip, {"numpy": np.__version__}
            self.inputs = {name: Port(shape=shape, dtype=np.float32) for name, shape in ports.items()}

        def has(self, piece: str) -> bool:
            return piece in ("text_encoder", "unet", "vae_decoder")

        def open(self, _: str) -> Any:
            return self

        def __call__(self, **_: Any) -> dict[str, Any]:
            return answers

    free: Any = Free()
    model = Description(name="free", latent_shape=(4, 64, 64), size=(512, 512), text_width=1024)
    painter = LatentPainter(model, free, engine="free")
    times = [time.perf_counter() for _ in painter.paint(Wish(prompt=PROMPT, seed=0, steps=steps))][1:]
    return median(later - earlier for earlier, later in itertools.pairwise(times))


def peak_megabytes() -> float:
    """Return the peak of resident memory; getrusage may report the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main()
