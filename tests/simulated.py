"""Simulated graphs of a small Stable Diffusion model, and a painter over them."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from orchestrator.events import Painted
from orchestrator.paint import Wish
from orchestrator.paint.description import Description
from orchestrator.paint.latent import LatentPainter
from orchestrator.runtime import Port

CLIP = Path(__file__).parent / "data" / "clip"
SHAPE, SIZE, WIDTH, LENGTH = (4, 4, 4), (32, 32), 3, 12
DESCRIPTION = Description(
    name="simulated",
    latent_shape=SHAPE,
    size=SIZE,
    text_width=WIDTH,
    token_length=LENGTH,
    token_padding=0,
    steps=4,
    guidance=3.0,
    preview=((0.1, 0.0, 0.0), (0.0, 0.1, 0.0), (0.0, 0.0, 0.1), (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
)


class Simulated:
    """A graph that checks what it is given against its ports and answers with a simple formula."""

    def __init__(self, answer, **inputs: Port) -> None:
        self.inputs, self._answer = inputs, answer
        self.calls: list[dict[str, Any]] = []

    def __call__(self, **arrays):
        assert arrays.keys() == self.inputs.keys()
        for name, array in arrays.items():
            port = self.inputs[name]
            assert array.dtype == port.dtype, name
            assert array.flags.c_contiguous, name
            assert len(array.shape) == len(port.shape), name
            assert all(wanted in (None, size) for wanted, size in zip(port.shape, array.shape, strict=True)), name
        self.calls.append(arrays)
        return self._answer(**arrays)


class SimulatedRuntime:
    """A folder of simulated graphs that records what was opened."""

    folder = CLIP
    compute_unit, threads = "cpu", 1
    versions: ClassVar[dict[str, str]] = {}

    def __init__(self, **graphs) -> None:
        self._graphs = graphs
        self.opened: list[str] = []

    def has(self, piece: str) -> bool:
        return piece in self._graphs

    def open(self, piece: str):
        self.opened.append(piece)
        made = self._graphs[piece]
        return made() if isinstance(made, type(lambda: 0)) else made


def text_encoder(dtype=np.int64) -> Simulated:
    def answer(input_ids):
        return {"last_hidden_state": (input_ids[..., None] % np.array([7, 11, 13])).astype(np.float32) / 10}

    return Simulated(answer, input_ids=Port(shape=(1, LENGTH), dtype=dtype))


def unet(batch=None, rank=3, clock=(None,), clock_type=np.float32) -> Simulated:
    def answer(sample, timestep, encoder_hidden_states):
        context = encoder_hidden_states if rank == 3 else encoder_hidden_states[:, :, 0].transpose(0, 2, 1)
        seen = np.einsum("btc,t,c->b", context, np.cos(np.arange(LENGTH)), np.arange(WIDTH))[:, None, None, None] / 9
        return {"noise_pred": np.tanh(0.7 * sample + seen + np.mean(timestep) / 5000).astype(np.float32)}

    context = (batch, None, WIDTH) if rank == 3 else (batch, WIDTH, 1, LENGTH)
    return Simulated(
        answer,
        sample=Port(shape=(batch, *SHAPE), dtype=np.float32),
        timestep=Port(shape=clock, dtype=clock_type),
        encoder_hidden_states=Port(shape=context, dtype=np.float32),
    )


def decoder(gain: float = 0.2) -> Simulated:
    def answer(z):
        return {"image": gain * z[:, :3].repeat(8, axis=2).repeat(8, axis=3)}

    return Simulated(answer, z=Port(shape=(1, *SHAPE), dtype=np.float32))


def encoder() -> Simulated:
    def answer(x):
        mean = x[:, :1, ::8, ::8].repeat(4, axis=1)
        return {"latent": np.concatenate([mean, np.full_like(mean, -30.0)], axis=1)}

    return Simulated(answer, x=Port(shape=(1, 3, *SIZE), dtype=np.float32))


def checker(verdict: float) -> Simulated:
    def answer(clip_input, images, adjustment):
        assert images.min() >= 0
        assert images.max() <= 1
        assert abs(clip_input.mean()) < 3
        return {"has_nsfw_concepts": np.array([verdict]), "filtered_images": images}

    return Simulated(
        answer,
        clip_input=Port(shape=(1, 3, 224, 224), dtype=np.float32),
        images=Port(shape=(1, *SIZE, 3), dtype=np.float32),
        adjustment=Port(shape=(1,), dtype=np.float32),
    )


def painter(description=DESCRIPTION, batch=1, **graphs) -> LatentPainter:
    whole = {"text_encoder": text_encoder(), "unet": unet(), "vae_decoder": decoder(), **graphs}
    return LatentPainter(description, SimulatedRuntime(**whole), engine="simulated", batch=batch)


def steps_of(events) -> list[Painted]:
    return [event for event in events if isinstance(event, Painted)]


def pixels_of(step: Painted) -> NDArray[np.uint8]:
    assert step.pixels is not None
    return step.pixels


def opened(own: LatentPainter) -> list[str]:
    """Return the pieces that a painter has loaded."""
    runtime = own._runtime
    assert isinstance(runtime, SimulatedRuntime)
    return runtime.opened


def paint(own: LatentPainter, prompt: str = "a red house", **changes) -> list[Painted]:
    return steps_of(own.paint(Wish(**{"prompt": prompt, "seed": 7, **changes})))
