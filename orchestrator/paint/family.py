"""What the models of one architecture have in common: their pieces, and how those fit together."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from orchestrator.catalogue.layout import SAFETY_CHECKER, TEXT_ENCODER, UNET, VAE_DECODER, VAE_ENCODER


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A text encoder of a family, and the tokenizer that belongs to it."""

    piece: str
    tokenizer: str = ""  # the folder of its vocabulary, in the model's folder
    padding: int | None = None  # the token that fills a prompt; None: the description's


@dataclass(frozen=True, kw_only=True)
class Family:
    """An architecture: `takes` names the inputs that the graph of each piece must at least have.

    The network's inputs that come from the prompt are named in `hidden` and `pooled`, with the text encoders' output
    that each of them is: hidden states of all encoders side by side, or the last encoder's pooled output.
    """

    takes: Mapping[str, Set[str]]
    encoders: tuple[Encoder, ...]
    network: str
    output: str  # of the network
    hidden: Mapping[str, str]
    pooled: Mapping[str, str]


STABLE_DIFFUSION = Family(
    takes={
        TEXT_ENCODER: {"input_ids"},
        UNET: {"sample", "timestep", "encoder_hidden_states"},
        VAE_DECODER: {"z"},
        VAE_ENCODER: {"x"},
        SAFETY_CHECKER: {"clip_input", "images"},
    },
    encoders=(Encoder(piece=TEXT_ENCODER),),
    network=UNET,
    output="noise_pred",
    hidden={"encoder_hidden_states": "last_hidden_state"},
    pooled={"text_embeds": "pooled_outputs"},
)
