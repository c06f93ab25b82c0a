"""Prompts to conditioning with simulated text encoders: one, or several side by side."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simulated

from orchestrator.paint import family
from orchestrator.paint.family import STABLE_DIFFUSION
from orchestrator.paint.latent import LatentPainter
from orchestrator.paint.text import TextConditioner, TextEncoder, stacked
from orchestrator.paint.tokens import ClipTokenizer
from orchestrator.runtime import Port

pytestmark = pytest.mark.quick
CLIP = Path(__file__).parent / "data" / "clip"
LENGTH = 12


class Encoder:
    """Answers with hidden states of a width and a pooled vector, both made of the ids."""

    def __init__(self, width) -> None:
        self._width = width
        self.inputs = {"input_ids": Port(shape=(1, LENGTH), dtype=np.float32)}

    def __call__(self, **arrays):
        hidden = arrays["input_ids"][..., None] + np.arange(self._width) / 100
        return {"last_hidden_state": hidden, "pooled_outputs": hidden[:, 0]}


def conditioner(widths=(3,), **inputs) -> TextConditioner:
    tokenizer = ClipTokenizer(CLIP, length=LENGTH, padding=0)
    encoders = [TextEncoder(tokenizer=tokenizer, graph=Encoder(width)) for width in widths]
    ports = {name: Port(shape=shape, dtype=np.float32) for name, shape in inputs.items()}
    return TextConditioner(family=STABLE_DIFFUSION, encoders=encoders, inputs=ports)


def test_only_the_inputs_that_the_network_takes_are_made():
    words = {"encoder_hidden_states": (None, LENGTH, 3)}
    assert conditioner(**words)("a house").conditioning.keys() == {"encoder_hidden_states"}
    both = conditioner(**words, text_embeds=(None, 3), time_ids=(None, 6))("a house").conditioning
    assert both.keys() == {"encoder_hidden_states", "text_embeds"}
    assert (both["text_embeds"] == both["encoder_hidden_states"][:, 0]).all()


def test_several_encoders_stand_side_by_side_and_the_last_is_pooled():
    made = conditioner((3, 5), encoder_hidden_states=(None, LENGTH, 8), text_embeds=(None, 5))("a house").conditioning
    alone = conditioner((5,), encoder_hidden_states=(None, LENGTH, 5))("a house").conditioning
    assert made["encoder_hidden_states"].shape == (1, LENGTH, 8)
    assert made["text_embeds"].shape == (1, 5)
    assert (made["encoder_hidden_states"][..., 3:] == alone["encoder_hidden_states"]).all()


@pytest.mark.parametrize("shape", [(2, 3, 1, LENGTH), (None, LENGTH, 3)])
def test_hidden_states_are_laid_out_as_the_network_takes_them(shape):
    made = conditioner(encoder_hidden_states=shape)("a house").conditioning["encoder_hidden_states"]
    assert made.shape == (1, *shape[1:])


def test_rows_are_stacked_input_by_input():
    own = conditioner(encoder_hidden_states=(None, LENGTH, 3), text_embeds=(None, 3))
    rows = [own("a house"), own("a dragon"), own("a house")]
    made = stacked(rows)["encoder_hidden_states"]
    assert made.shape == (3, LENGTH, 3)
    assert (made[0] == made[2]).all()
    assert (made[0] != made[1]).any()


def test_every_encoder_has_a_tokenizer_of_its_own():
    second = family.Encoder(piece="text_encoder_2", padding=7)
    both = replace(
        STABLE_DIFFUSION,
        encoders=(*STABLE_DIFFUSION.encoders, second),
        takes={**STABLE_DIFFUSION.takes, "text_encoder_2": {"input_ids"}},
    )
    runtime = simulated.SimulatedRuntime(
        text_encoder=simulated.text_encoder(), text_encoder_2=simulated.text_encoder(), unet=simulated.unet()
    )
    own = LatentPainter(simulated.DESCRIPTION, runtime, engine="simulated", family=both)
    own.load()
    assert sorted(runtime.opened) == ["text_encoder", "text_encoder_2", "unet"]
    last = [own._encoder(each).tokenizer("a house").ids[-1] for each in both.encoders]
    assert last == [simulated.DESCRIPTION.token_padding, 7]
