"""The denoising loop over a model's graphs, whichever runtime runs them: a Request goes in, Steps come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import Unfit
from orchestrator.paint import Engine, Request, Step, autoencoder, graph
from orchestrator.paint.description import Description
from orchestrator.paint.graph import Graph, Runtime, fitted, open_checked, run
from orchestrator.paint.guidance import Guide
from orchestrator.paint.pixels import Pixels
from orchestrator.paint.samplers import SAMPLERS, Eye, Moment
from orchestrator.paint.schedule import WITH_KARRAS, Array, Plan, plan
from orchestrator.paint.tokens import Tokenizing, unknown_words

UNGUIDED = 1.0  # up to here guidance leaves the negative prompt out


class LatentPainter:
    """A Stable Diffusion model that paints."""

    def __init__(self, description: Description, runtime: Runtime) -> None:
        self.description = description
        self._runtime = runtime
        self._graphs: dict[str, Graph] = {}
        self._tokenizing: Tokenizing | None = None

    @property
    def engine(self) -> Engine:
        return self._runtime.engine

    @property
    def size(self) -> tuple[int, int]:
        return self.description.size

    def load(self) -> None:
        """Load what every painting needs at once; the decoder comes when there is something to decode."""
        self._words()
        self._graph(graph.TEXT_ENCODER)
        self._graph(graph.UNET)

    def unload(self) -> None:
        """Let every graph go, and with it its memory."""
        self._graphs.clear()
        self._tokenizing = None

    def resolve(self, request: Request) -> Request:
        """Fill in the model's own choices; refuse what it cannot do."""
        own = self.description
        sampler = request.sampler or own.sampler
        resolved = replace(
            request,
            steps=request.steps or own.steps,
            guidance=own.guidance if request.guidance is None else request.guidance,
            sampler=sampler,
            spacing=request.spacing or _spacing(own, sampler),
        )
        if request.image is not None and not self._runtime.has(graph.VAE_ENCODER):
            raise Unfit(f"{own.name} has no encoder, so it cannot begin from a picture", "leave --image out")
        self._plan(resolved)
        return resolved

    def paint(self, request: Request) -> Iterator[Step]:
        """Yield every step of every picture, each from its own seed."""
        request = self.resolve(request)
        laid = self._plan(request)
        return self._paint(request, laid)

    def _paint(self, request: Request, laid: Plan) -> Iterator[Step]:
        self.load()
        eye, warnings = self._eye(request)
        source = None if request.image is None else self._encode(request.image)
        for picture in range(request.count):
            seed = request.seed + picture
            for index, moment in enumerate(self._moments(seed, laid, eye, source), start=1):
                step = Step(
                    picture=picture,
                    index=index,
                    steps=len(laid.hops),
                    seed=seed,
                    estimate=moment.clean,
                    matrix=self._matrix,
                    warnings=warnings,
                )
                warnings = ()
                yield self._finish(step, moment.latents) if index == step.steps else step

    def _moments(self, seed: int, laid: Plan, eye: Eye, source: Array | None) -> Iterator[Moment]:
        """Denoise one picture; all its chance comes from its seed."""
        random = np.random.RandomState(seed)

        def chance() -> Array:
            return random.randn(*self.description.latent_shape).astype(np.float32)

        picture = None if source is None else autoencoder.sample(source, self.description, chance)
        yield from SAMPLERS[laid.sampler](eye, laid.begin(chance(), picture), laid.hops, chance)

    def _finish(self, step: Step, latents: Array) -> Step:
        if not np.isfinite(latents).all():
            raise autoencoder.overflow()
        pixels = autoencoder.decode(self._graph(graph.VAE_DECODER), self.description, latents)
        checked = self._runtime.has(graph.SAFETY_CHECKER)
        if checked and autoencoder.flagged(self._graph(graph.SAFETY_CHECKER), pixels):
            return replace(step, pixels=np.zeros_like(pixels), flagged=True)
        return replace(step, pixels=pixels)

    def _eye(self, request: Request) -> tuple[Eye, tuple[str, ...]]:
        """Read the prompts; give back what looks at latents with them, and what is to be said about them."""
        own = self.description
        guidance = own.guidance if request.guidance is None else request.guidance
        prompts = [request.negative, request.prompt] if guidance > UNGUIDED else [request.prompt]
        contexts, warnings = list[NDArray[np.float32]](), list[str]()
        for prompt in prompts:
            tokens = self._words()(prompt)
            contexts.append(self._embed(tokens.ids))
            if tokens.cut:
                warnings.append(f"{own.name} reads {own.token_length - 2} tokens; left out: {tokens.cut!r}")
        unknown = unknown_words(" ".join(prompts), own.words) if own.words else ()
        if unknown:
            warnings.append(f"{own.name} knows {len(own.words or ())} words; not: {', '.join(unknown)}")
        guide = Guide(unet=self._graph(graph.UNET), contexts=np.concatenate(contexts), guidance=guidance)
        return Eye(look=guide, prediction=own.prediction), tuple(warnings)

    def _embed(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        encoder = self._graph(graph.TEXT_ENCODER)
        return run(encoder, "last_hidden_state", input_ids=fitted(ids[None], encoder.inputs["input_ids"]))

    def _encode(self, pixels: Pixels) -> Array:
        return autoencoder.encode(self._graph(graph.VAE_ENCODER), self.description, pixels)

    def _plan(self, request: Request) -> Plan:
        own = self.description
        return plan(
            own,
            sampler=request.sampler or own.sampler,
            spacing=request.spacing or own.spacing,
            steps=request.steps or own.steps,
            strength=1.0 if request.image is None else request.strength,
        )

    def _words(self) -> Tokenizing:
        if self._tokenizing is None:
            own = self.description
            self._tokenizing = Tokenizing(self._runtime.folder, length=own.token_length, padding=own.token_padding)
        return self._tokenizing

    def _graph(self, piece: str) -> Graph:
        if piece not in self._graphs:
            self._graphs[piece] = open_checked(self._runtime, piece)
        return self._graphs[piece]

    @cached_property
    def _matrix(self) -> NDArray[np.float32]:
        """The description's map from latents to colours; a model without one is previewed as a middle grey."""
        channels = self.description.latent_shape[0]
        return np.array(self.description.preview or [(0.0,) * 3] * channels + [(0.5,) * 3], np.float32)


def _spacing(own: Description, sampler: str) -> str:
    """The model's own spacing, where the sampler has it."""
    return "leading" if own.spacing == "karras" and sampler not in WITH_KARRAS else own.spacing
