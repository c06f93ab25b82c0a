"""Prompts to conditioning: a model's own tokenizers and text encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.diffusion import Array
from orchestrator.diffusion.guidance import Conditioning
from orchestrator.paint.family import Family
from orchestrator.paint.tokens import ClipTokenizer
from orchestrator.runtime import Arrays, Graph, Port, fitted, pick


@dataclass(frozen=True, kw_only=True)
class TextEncoder:
    """A text encoder's graph and the tokenizer that it was trained with."""

    tokenizer: ClipTokenizer
    graph: Graph


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A prompt as one row of conditioning."""

    conditioning: Conditioning
    cut: str = ""  # the end of the prompt, where it was too long


@dataclass(frozen=True, kw_only=True)
class TextConditioner:
    """Makes those of a network's inputs that come from the prompt."""

    family: Family
    encoders: Sequence[TextEncoder]
    inputs: Mapping[str, Port]  # of the network

    def __call__(self, prompt: str) -> Encoded:
        """Encode a prompt with every encoder."""
        answers, cuts = list[Arrays](), list[str]()
        for encoder in self.encoders:
            tokens = encoder.tokenizer(prompt)
            ids = fitted(tokens.ids[None], encoder.graph.inputs["input_ids"])
            answers.append(encoder.graph(input_ids=ids))
            cuts.append(tokens.cut)
        return Encoded(conditioning=self._conditioning(answers), cut=max(cuts, key=len))

    def _conditioning(self, answers: Sequence[Arrays]) -> Conditioning:
        made: dict[str, Array] = {}
        for name, output in self.family.hidden.items():
            if name in self.inputs:
                states = np.concatenate([pick(answer, output) for answer in answers], axis=-1)
                made[name] = _laid_out(states, self.inputs[name])
        for name, output in self.family.pooled.items():
            if name in self.inputs:
                made[name] = pick(answers[-1], output)
        return made


def stacked(rows: Sequence[Encoded]) -> Conditioning:
    """Return the conditioning of several rows."""
    return {name: np.concatenate([row.conditioning[name] for row in rows]) for name in rows[0].conditioning}


def _laid_out(states: Array, port: Port) -> Array:
    """Lay hidden states out as the port does: rows, tokens, width, or Apple's rows, width, 1, tokens."""
    return states.transpose(0, 2, 1)[:, :, None, :] if len(port.shape) == 4 else states
