"""A look of the unet under classifier-free guidance (2207.12598): latents and a level in, what it says out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import AudioToImageError
from orchestrator.paint.graph import REPAIR, Graph, fitted, run
from orchestrator.paint.schedule import Array, Level


@dataclass(frozen=True, kw_only=True)
class Guide:
    """A unet with what it is to see: contexts are (negative, prompt), or the prompt alone where nothing guides."""

    unet: Graph
    contexts: NDArray[np.float32]  # one or two, tokens, width
    guidance: float

    def __call__(self, latents: Array, level: Level) -> Array:
        """Say what the unet sees in latents, led away from the negative prompt."""
        outputs = [self._call(latents, level, context) for context in self._batches]
        seen = np.concatenate(outputs)[: len(self.contexts)]
        led: Array = seen[0]
        if len(seen) == 2:
            led = led + self.guidance * (seen[1] - led)
        return led

    @cached_property
    def _batches(self) -> list[NDArray[Any]]:
        """The contexts laid out as the graph takes them: in one batch, or one at a time where it takes one."""
        port = self.unet.inputs["encoder_hidden_states"]
        rows = port.shape[0] or len(self.contexts)
        if rows not in (1, 2):
            raise AudioToImageError(f"the unet wants {rows} pictures at once; one or two are what we have", REPAIR)
        contexts = self.contexts
        if len(port.shape) == 4:
            contexts = contexts.transpose(0, 2, 1)[:, :, None, :]
        if len(contexts) < rows:
            contexts = contexts.repeat(rows, axis=0)  # a fixed pair, of which the second is not looked at
        return [fitted(contexts[at : at + rows], port) for at in range(0, len(contexts), rows)]

    def _call(self, latents: Array, level: Level, context: NDArray[Any]) -> Array:
        ports, rows = self.unet.inputs, len(context)
        clock = np.full((rows,) * len(ports["timestep"].shape), level.timestep)
        return run(
            self.unet,
            "noise_pred",
            sample=fitted(np.broadcast_to(latents, (rows, *latents.shape)), ports["sample"]),
            timestep=fitted(clock, ports["timestep"]),
            encoder_hidden_states=context,
        )
