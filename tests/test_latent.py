"""Painting with simulated graphs: how they are called, when they are loaded, and what is yielded."""

import gc
import pickle
import weakref

import numpy as np
import pytest
from simulated import (
    DESCRIPTION,
    SHAPE,
    SIZE,
    Simulated,
    checker,
    decoder,
    encoder,
    opened,
    paint,
    painter,
    pixels_of,
    text_encoder,
    unet,
)

from orchestrator.choices import MAX_SEED
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Painted
from orchestrator.paint import Decision, Wish
from orchestrator.paint.description import Description
from orchestrator.paint.pixels import fit
from orchestrator.runtime import Port

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    "graph",
    [
        unet(batch=2),
        unet(batch=1),
        unet(batch=1, clock=(1,)),
        unet(batch=2, clock=(2,)),
        unet(clock=()),
        unet(batch=2, rank=4, clock=(2,)),
        unet(batch=1, rank=4, clock=(1,)),
    ],
    ids=["two", "one", "one-clock", "two-clocks", "scalar-clock", "apple", "apple-batch-one"],
)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_the_unet_may_take_one_picture_or_two_in_either_layout(graph, guidance):
    expected = paint(painter(), guidance=guidance)[-1]
    seen = paint(painter(unet=graph), guidance=guidance)[-1]
    assert np.abs(seen.denoised - expected.denoised).max() < 1e-5
    assert np.abs(pixels_of(seen).astype(int) - pixels_of(expected)).max() <= 1


def test_guidance_leads_from_the_negative_prompt_to_the_prompt_and_beyond():
    ignored, followed, led = (
        paint(painter(), prompt=prompt, negative="a dragon", guidance=guidance, steps=2)[0].denoised
        for prompt, guidance in (("a dragon", 1.0), ("a red house", 1.0), ("a red house", 3.0))
    )
    assert np.abs(followed - ignored).max() > 0.03
    assert np.abs(led - (ignored + 3.0 * (followed - ignored))).max() < 1e-4


def test_without_guidance_an_open_batch_is_asked_for_one_picture_only():
    graph = unet()
    paint(painter(unet=graph), guidance=1.0)
    assert {call["sample"].shape[0] for call in graph.calls} == {1}


def test_types_are_those_that_the_graph_declares():
    graph, words = unet(clock_type=np.int64), text_encoder(dtype=np.float32)
    paint(painter(unet=graph, text_encoder=words), sampler="euler", spacing="linspace", steps=5)
    assert [int(call["timestep"][0]) for call in graph.calls] == [999, 749, 500, 250, 0]


def test_the_decoder_is_loaded_only_when_there_is_something_to_decode():
    own = painter()
    own.load()
    steps = own.paint(Wish(prompt="a red house"))
    for _ in range(4):
        next(steps)
    assert opened(own) == ["text_encoder", "unet"]
    last = next(steps)
    assert isinstance(last, Painted)
    assert last.pixels is not None
    assert opened(own) == ["text_encoder", "unet", "vae_decoder"]


def test_no_graph_is_called_after_the_iteration_stops():
    graph = unet()
    steps = painter(unet=graph).paint(Wish(prompt="a red house", steps=50))
    assert isinstance(next(steps), Decision)
    next(steps)
    next(steps)
    del steps
    assert len(graph.calls) == 2


def test_unloading_frees_every_graph_and_painting_loads_again():
    own = painter(unet=unet, vae_decoder=decoder)
    first = paint(own)[-1].pixels
    held = [weakref.ref(graph) for name, graph in own._graphs.items() if name != "text_encoder"]
    own.unload()
    gc.collect()
    assert [each() for each in held] == [None, None]
    assert (pixels_of(paint(own)[-1]) == first).all()


def test_each_of_several_pictures_is_what_its_seed_alone_gives():
    batch = [step for step in paint(painter(), count=3, sampler="euler-a") if step.pixels is not None]
    assert [(step.picture, step.seed) for step in batch] == [(0, 7), (1, 8), (2, 9)]
    alone = paint(painter(), seed=9, sampler="euler-a")[-1]
    assert (pixels_of(batch[2]) == pixels_of(alone)).all()
    assert (pixels_of(batch[1]) != pixels_of(alone)).any()


def test_steps_are_counted_and_only_the_last_carries_pixels():
    steps = paint(painter(), count=2)
    assert [(step.index, step.steps) for step in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)] * 2
    assert [step.pixels is not None for step in steps] == [False, False, False, True] * 2
    assert pixels_of(steps[-1]).shape == (32, 32, 3)
    assert pixels_of(steps[-1]).dtype == np.uint8


def test_a_preview_is_the_small_matrix_applied_to_the_denoised_latents():
    step = paint(painter())[1]
    expected = np.clip(0.1 * step.denoised[:3].transpose(1, 2, 0) + 0.5, 0, 1) * 255
    assert step.preview().shape == (4, 4, 3)
    assert step.preview().dtype == np.uint8
    assert np.abs(step.preview() - expected).max() <= 0.5 + 1e-4


def test_a_model_without_a_matrix_is_previewed_as_grey():
    plain = Description(**{**vars(DESCRIPTION), "preview": ()})
    assert set(paint(painter(plain))[0].preview().ravel()) == {128}


def test_a_step_can_be_sent_to_another_process():
    step = paint(painter())[-1]
    assert (pickle.loads(pickle.dumps(step)).pixels == step.pixels).all()  # noqa: S301 - our own bytes


def test_the_same_wish_gives_the_same_pixels():
    for sampler in ("dpm++2m", "euler-a", "lcm"):
        own = painter()
        assert (pixels_of(paint(own, sampler=sampler)[-1]) == pixels_of(paint(own, sampler=sampler)[-1])).all()


def test_the_models_own_choices_fill_what_the_wish_leaves_open():
    own = painter().decide(Wish(prompt="a house"))
    assert (own.steps, own.guidance, own.sampler, own.spacing) == (4, 3.0, "dpm++2m", "leading")
    given = painter().decide(Wish(prompt="a house", steps=9, guidance=0.0, sampler="ddim", spacing="trailing", seed=2))
    assert (given.steps, given.guidance, given.sampler, given.spacing) == (9, 0.0, "ddim", "trailing")
    assert (given.seed, given.count, given.width, given.height) == (2, 1, *SIZE)
    assert (given.image, given.strength) == (None, None)


def test_a_decision_leaves_nothing_open_but_the_image():
    decision = painter().decide(Wish(prompt="a house", count=3))
    unknown = {name for name, value in vars(decision).items() if value is None}
    assert unknown == {"image", "strength"}
    assert 0 <= decision.seed <= MAX_SEED - 2


def test_the_decision_comes_first_and_is_what_is_painted():
    decision, *steps = painter().paint(Wish(prompt="a house", seed=5, count=2))
    assert isinstance(decision, Decision)
    assert {step.steps for step in steps} == {decision.steps}
    assert {step.seed for step in steps} == {decision.seed, decision.seed + 1}


def test_facts_come_with_loading():
    own = painter()
    assert own.load() == own.facts
    assert (own.facts.engine, own.facts.model, own.facts.width) == ("simulated", "simulated", SIZE[0])


def test_a_sampler_without_the_models_spacing_takes_one_that_it_has():
    karras = Description(**{**vars(DESCRIPTION), "spacing": "karras"})
    assert painter(karras).decide(Wish(prompt="a house", sampler="ddim")).spacing == "leading"
    with pytest.raises(Misuse, match="karras"):
        painter().decide(Wish(prompt="a house", sampler="ddim", spacing="karras"))


def test_a_wish_that_cannot_be_painted_is_refused_before_anything_is_loaded():
    own = painter()
    with pytest.raises(Misuse, match="too many"):
        own.paint(Wish(prompt="a house", steps=1000))
    assert opened(own) == []


def test_painting_can_start_from_a_picture_where_the_model_has_an_encoder():
    black, white = (np.full((*SIZE, 3), value, np.uint8) for value in (0, 255))
    own = painter(vae_encoder=encoder())
    estimates = [paint(own, image=image, strength=0.5)[0].denoised.mean() for image in (black, white)]
    assert estimates[0] < estimates[1] - 0.1
    assert len(paint(own, image=black, strength=0.5)) == 2
    with pytest.raises(AudioToImageError, match="no encoder"):
        paint(painter(), image=black)


def test_a_picture_of_another_size_gives_its_middle():
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = 255
    assert (fit(wide, 32, 32) >= 240).all()  # a smooth edge sees a little of what is left out
    assert pixels_of(paint(painter(vae_encoder=encoder()), image=wide)[-1]).shape == (32, 32, 3)


def test_a_flagged_picture_is_black_and_says_so():
    flagged = paint(painter(safety_checker=checker(1.0)))[-1]
    assert flagged.flagged
    assert not pixels_of(flagged).any()
    fine = paint(painter(safety_checker=checker(0.0)))[-1]
    assert not fine.flagged
    assert pixels_of(fine).any()


def test_unknown_words_of_a_small_model_are_warned_about_once():
    small = Description(**{**vars(DESCRIPTION), "words": ("a", "red", "house", "blurry")})
    steps = paint(painter(small), prompt="a red dragon", negative="blurry", count=2)
    assert [step.warnings for step in steps if step.warnings] == [("simulated knows 4 words; not: dragon",)]


def test_a_warning_names_the_end_of_a_prompt_that_is_too_long():
    first = paint(painter(), prompt="a red house by the sea, wow, wow, a dragon and a horse")[0]
    assert "10 tokens" in first.warnings[0]
    assert "a dragon and a horse" in first.warnings[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_overflow_are_an_error_and_no_black_picture(value):
    with pytest.raises(AudioToImageError, match="overflowed") as caught:
        paint(painter(vae_decoder=decoder(gain=value)))
    assert "compute-unit" in caught.value.hint


def test_a_graph_of_another_kind_is_named_in_the_error():
    with pytest.raises(AudioToImageError, match=r"unet .* something else: it takes z"):
        paint(painter(unet=decoder()))
    wrong = Simulated(lambda **_: {"picture": np.zeros(1)}, z=Port(shape=(1, *SHAPE), dtype=np.float32))
    with pytest.raises(AudioToImageError, match="picture but no image"):
        paint(painter(vae_decoder=wrong))
    small = Simulated(lambda **_: {"image": np.zeros((1, 3, 8, 8))}, z=Port(shape=(1, *SHAPE), dtype=np.float32))
    with pytest.raises(AudioToImageError, match="no picture of 32x32"):
        paint(painter(vae_decoder=small))
