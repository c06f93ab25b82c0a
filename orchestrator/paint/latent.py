"""Latent diffusion over a model's graphs, whichever runtime runs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from orchestrator.catalogue.layout import SAFETY_CHECKER, VAE_DECODER, VAE_ENCODER
from orchestrator.diffusion import Array
from orchestrator.diffusion.guidance import Guided
from orchestrator.diffusion.loop import Plan, SeededNoise, denoise
from orchestrator.diffusion.prediction import PREDICTIONS, Denoiser
from orchestrator.errors import Misuse, Unfit
from orchestrator.events import Painted
from orchestrator.paint import Decision, Facts, Wish, autoencoder
from orchestrator.paint.decide import decide, plan_of
from orchestrator.paint.description import Description
from orchestrator.paint.family import STABLE_DIFFUSION, Encoder, Family
from orchestrator.paint.pixels import Pixels
from orchestrator.paint.text import Encoded, TextConditioner, TextEncoder, stacked
from orchestrator.paint.tokens import ClipTokenizer, unknown_words
from orchestrator.runtime import Graph, Runtime, open_checked

UNGUIDED = 1.0  # up to this guidance the negative prompt has no effect and is not computed


@dataclass(frozen=True, kw_only=True)
class Row:
    """One picture of a batch."""

    picture: int  # from 0
    count: int  # of all pictures
    seed: int
    decision: Decision
    warnings: tuple[str, ...] = ()


class LatentPainter:
    """A latent diffusion model that paints, `batch` pictures in a network call."""

    def __init__(
        self,
        description: Description,
        runtime: Runtime,
        *,
        engine: str,
        family: Family = STABLE_DIFFUSION,
        batch: int = 1,
    ) -> None:
        self.description = description
        width, height = description.size
        self.facts = Facts(
            engine=engine,
            model=description.name,
            compute_unit=runtime.compute_unit,
            threads=runtime.threads,
            versions=runtime.versions,
            width=width,
            height=height,
        )
        self._runtime, self._family, self._batch = runtime, family, batch
        self._graphs: dict[str, Graph] = {}
        self._encoders: dict[str, TextEncoder] = {}

    def load(self) -> Facts:
        """Load what every picture needs first; the decoder is loaded when there is something to decode."""
        for encoder in self._family.encoders:
            self._encoder(encoder)
        self._graph(self._family.network)
        return self.facts

    def unload(self) -> None:
        """Drop every graph, and with it its memory."""
        self._graphs.clear()
        self._encoders.clear()

    def decide(self, wish: Wish) -> Decision:
        """Fill in the model's own choices; raise where the model cannot do what the wish says."""
        if wish.image is not None and not self._runtime.has(VAE_ENCODER):
            raise Unfit(
                f"{self.description.name} has no encoder, so it cannot begin from a picture", "leave --image out"
            )
        return decide(wish, self.description)

    def paint(self, wish: Wish) -> Iterator[Decision | Painted]:
        """Yield the decision, then every step of every picture, each from its own seed."""
        return self.paint_all([wish])

    def paint_all(self, wishes: Sequence[Wish]) -> Iterator[Decision | Painted]:
        """Yield the decisions, then every step of all their pictures, which share network calls.

        The wishes may differ in prompt, negative prompt, seed, count and image.
        """
        decisions = [self.decide(wish) for wish in wishes]
        shared = {(plan_of(each, self.description), each.guidance, each.image is None) for each in decisions}
        if len(shared) != 1:
            raise Misuse(
                "wishes painted together must agree in steps, sampler, spacing, guidance and strength",
                "paint them one after the other",
            )
        laid, guidance, _ = shared.pop()
        return self._paint(decisions, laid, guidance)

    def _paint(self, decisions: Sequence[Decision], laid: Plan, guidance: float) -> Iterator[Decision | Painted]:
        yield from decisions
        self.load()
        guided = guidance > UNGUIDED
        encoded = self._encode_prompts(decisions, guided)
        moments = {id(each): self._encode_image(each.image) for each in decisions if each.image is not None}
        rows = list(self._rows(decisions, encoded, guided))
        for start in range(0, len(rows), self._batch):
            part = rows[start : start + self._batch]
            denoiser = self._denoiser(part, encoded, guidance, guided)
            data = np.stack([moments[id(row.decision)] for row in part]) if moments else None
            yield from self._paint_rows(part, laid, denoiser, data)

    def _paint_rows(
        self, rows: Sequence[Row], laid: Plan, denoiser: Denoiser, moments: Array | None
    ) -> Iterator[Painted]:
        """Denoise one batch; all randomness of a row comes from its seed."""
        noise = SeededNoise([row.seed for row in rows], self.description.latent_shape)
        data = None if moments is None else autoencoder.sample(moments, self.description, noise)
        for index, state in enumerate(denoise(laid, denoiser, noise, data), start=1):
            for row, sample, denoised in zip(rows, state.sample, state.denoised, strict=True):
                painted = Painted(
                    picture=row.picture,
                    count=row.count,
                    index=index,
                    steps=len(laid.steps),
                    seed=row.seed,
                    denoised=denoised,
                    to_rgb=self._to_rgb,
                    warnings=row.warnings if index == 1 else (),
                )
                yield self._finish(painted, sample) if index == painted.steps else painted

    def _finish(self, painted: Painted, sample: Array) -> Painted:
        if not np.isfinite(sample).all():
            raise autoencoder.overflow()
        pixels = autoencoder.decode(self._graph(VAE_DECODER), self.description, sample)
        checked = self._runtime.has(SAFETY_CHECKER)
        if checked and autoencoder.flagged(self._graph(SAFETY_CHECKER), pixels):
            return replace(painted, pixels=np.zeros_like(pixels), flagged=True)
        return replace(painted, pixels=pixels)

    def _rows(self, decisions: Sequence[Decision], encoded: Mapping[str, Encoded], guided: bool) -> Iterator[Row]:
        """Yield every picture; a decision's warnings go with its first."""
        count = sum(each.count for each in decisions)
        numbers = iter(range(count))
        for decision in decisions:
            warnings = self._warnings(_prompts(decision, guided), encoded)
            for k in range(decision.count):
                seed = decision.seed + k
                yield Row(picture=next(numbers), count=count, seed=seed, decision=decision, warnings=warnings)
                warnings = ()

    def _denoiser(self, rows: Sequence[Row], encoded: Mapping[str, Encoded], guidance: float, guided: bool) -> Denoiser:
        negative = stacked([encoded[row.decision.negative] for row in rows]) if guided else None
        network = Guided(
            graph=self._graph(self._family.network),
            output=self._family.output,
            conditioning=stacked([encoded[row.decision.prompt] for row in rows]),
            negative=negative,
            guidance=guidance,
        )
        return Denoiser(network=network, prediction=PREDICTIONS[self.description.prediction])

    def _encode_prompts(self, decisions: Sequence[Decision], guided: bool) -> dict[str, Encoded]:
        """Encode every prompt once."""
        encoders = [self._encoder(each) for each in self._family.encoders]
        network = self._graph(self._family.network)
        conditioner = TextConditioner(family=self._family, encoders=encoders, inputs=network.inputs)
        prompts = dict.fromkeys(prompt for decision in decisions for prompt in _prompts(decision, guided))
        return {prompt: conditioner(prompt) for prompt in prompts}

    def _warnings(self, prompts: Sequence[str], encoded: Mapping[str, Encoded]) -> tuple[str, ...]:
        """Return what the model leaves out of the prompts."""
        own = self.description
        cuts = [encoded[prompt].cut for prompt in prompts if encoded[prompt].cut]
        warnings = [f"{own.name} reads {own.token_length - 2} tokens; left out: {cut!r}" for cut in cuts]
        unknown = unknown_words(" ".join(prompts), own.words) if own.words else ()
        if unknown:
            warnings.append(f"{own.name} knows {len(own.words or ())} words; not: {', '.join(unknown)}")
        return tuple(warnings)

    def _encode_image(self, pixels: Pixels) -> Array:
        return autoencoder.encode(self._graph(VAE_ENCODER), self.description, pixels)

    def _encoder(self, encoder: Encoder) -> TextEncoder:
        if encoder.piece not in self._encoders:
            own = self.description
            padding = own.token_padding if encoder.padding is None else encoder.padding
            folder = self._runtime.folder / encoder.tokenizer
            tokenizer = ClipTokenizer(folder, length=own.token_length, padding=padding)
            self._encoders[encoder.piece] = TextEncoder(tokenizer=tokenizer, graph=self._graph(encoder.piece))
        return self._encoders[encoder.piece]

    def _graph(self, piece: str) -> Graph:
        if piece not in self._graphs:
            self._graphs[piece] = open_checked(self._runtime, piece, self._family.takes[piece])
        return self._graphs[piece]

    @cached_property
    def _to_rgb(self) -> NDArray[np.float32]:
        """The description's map from latents to colours; a model without one is previewed in mid-grey."""
        channels = self.description.latent_shape[0]
        return np.array(self.description.preview or [(0.0,) * 3] * channels + [(0.5,) * 3], np.float32)


def _prompts(decision: Decision, guided: bool) -> tuple[str, ...]:
    """Return the prompts that the network sees."""
    return (decision.negative, decision.prompt) if guided else (decision.prompt,)
