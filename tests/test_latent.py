"""Painting with simulated graphs: how they are called, when they are loaded, and what is yielded."""

import gc
import pickle
import weakref
from pathlib import Path

import numpy as np
import pytest

from orchestrator.choices import MAX_SEED, SAMPLERS
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Painted
from orchestrator.paint import Decision, Wish
from orchestrator.paint.description import Description
from orchestrator.paint.latent import LatentPainter
from orchestrator.paint.pixels import fit
from orchestrator.runtime import Port

pytestmark = pytest.mark.quick

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
        self.inputs, self._answer, self.calls = inputs, answer, []

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
    compute_unit, threads, versions = "cpu", 1, {}

    def __init__(self, **graphs) -> None:
        self._graphs, self.opened = graphs, []

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


def paint(own: LatentPainter, prompt: str = "a red house", **changes) -> list[Painted]:
    return steps_of(own.paint(Wish(**{"prompt": prompt, "seed": 7, **changes})))


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
    assert np.abs(seen.pixels.astype(int) - expected.pixels).max() <= 1


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
    assert own._runtime.opened == ["text_encoder", "unet"]
    assert next(steps).pixels is not None
    assert own._runtime.opened == ["text_encoder", "unet", "vae_decoder"]


def test_no_graph_is_called_after_the_iteration_stops():
    graph = unet()
    steps = painter(unet=graph).paint(Wish(prompt="a red house", steps=50))
    assert isinstance(next(steps), Decision)
    next(steps)
    next(steps)
    steps.close()
    assert len(graph.calls) == 2


def test_unloading_frees_every_graph_and_painting_loads_again():
    own = painter(unet=unet, vae_decoder=decoder)
    first = paint(own)[-1].pixels
    held = [weakref.ref(graph) for name, graph in own._graphs.items() if name != "text_encoder"]
    own.unload()
    gc.collect()
    assert [each() for each in held] == [None, None]
    assert (paint(own)[-1].pixels == first).all()


def test_each_of_several_pictures_is_the_one_its_own_seed_gives():
    batch = [step for step in paint(painter(), count=3, sampler="euler-a") if step.pixels is not None]
    assert [(step.picture, step.seed) for step in batch] == [(0, 7), (1, 8), (2, 9)]
    alone = paint(painter(), seed=9, sampler="euler-a")[-1]
    assert (batch[2].pixels == alone.pixels).all()
    assert (batch[1].pixels != alone.pixels).any()


def test_steps_are_counted_and_only_the_last_carries_pixels():
    steps = paint(painter(), count=2)
    assert [(step.index, step.steps) for step in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)] * 2
    assert [step.pixels is not None for step in steps] == [False, False, False, True] * 2
    assert steps[-1].pixels.shape == (32, 32, 3)
    assert steps[-1].pixels.dtype == np.uint8


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
        assert (paint(own, sampler=sampler)[-1].pixels == paint(own, sampler=sampler)[-1].pixels).all()


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
    assert own._runtime.opened == []


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
    assert paint(painter(vae_encoder=encoder()), image=wide)[-1].pixels.shape == (32, 32, 3)


def test_a_flagged_picture_is_black_and_says_so():
    flagged = paint(painter(safety_checker=checker(1.0)))[-1]
    assert flagged.flagged
    assert not flagged.pixels.any()
    fine = paint(painter(safety_checker=checker(0.0)))[-1]
    assert not fine.flagged
    assert fine.pixels.any()


def test_what_a_small_model_does_not_know_is_said_once():
    small = Description(**{**vars(DESCRIPTION), "words": ("a", "red", "house", "blurry")})
    steps = paint(painter(small), prompt="a red dragon", negative="blurry", count=2)
    assert [step.warnings for step in steps if step.warnings] == [("simulated knows 4 words; not: dragon",)]


def test_a_prompt_that_is_too_long_says_what_was_left_out():
    first = paint(painter(), prompt="a red house by the sea, wow, wow, a dragon and a horse")[0]
    assert "10 tokens" in first.warnings[0]
    assert "a dragon and a horse" in first.warnings[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_overflow_are_an_error_and_no_black_picture(value):
    with pytest.raises(AudioToImageError, match="overflowed") as caught:
        paint(painter(vae_decoder=decoder(gain=value)))
    assert "compute-unit" in caught.value.hint


def test_graphs_that_are_something_else_are_named():
    with pytest.raises(AudioToImageError, match=r"unet .* something else: it takes z"):
        paint(painter(unet=decoder()))
    wrong = Simulated(lambda **_: {"picture": np.zeros(1)}, z=Port(shape=(1, *SHAPE), dtype=np.float32))
    with pytest.raises(AudioToImageError, match="picture but no image"):
        paint(painter(vae_decoder=wrong))
    small = Simulated(lambda **_: {"image": np.zeros((1, 3, 8, 8))}, z=Port(shape=(1, *SHAPE), dtype=np.float32))
    with pytest.raises(AudioToImageError, match="no picture of 32x32"):
        paint(painter(vae_decoder=small))


def test_one_picture_a_call_is_the_default_and_a_batch_shares_the_call():
    graphs = [unet() for _ in range(2)]
    for graph, batch in zip(graphs, (1, 3), strict=True):
        paint(painter(unet=graph, batch=batch), count=3)
    assert [len(graph.calls) for graph in graphs] == [12, 4]
    assert {call["sample"].shape[0] for call in graphs[1].calls} == {6}  # three pictures, each with and without words


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_batch_paints_what_single_pictures_are(sampler, guidance):
    asked = {"count": 5, "sampler": sampler, "guidance": guidance}
    alone = sorted(paint(painter(), **asked), key=lambda step: (step.index, step.picture))
    together = sorted(paint(painter(batch=2), **asked), key=lambda step: (step.index, step.picture))
    assert [(each.picture, each.count, each.index, each.seed) for each in alone] == [
        (each.picture, each.count, each.index, each.seed) for each in together
    ]
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one.denoised - other.denoised).max() < 1e-5
        assert (one.pixels is None) == (other.pixels is None)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_graph_with_a_fixed_number_of_rows_is_called_as_often_as_needed(rows):
    alone = [step.pixels for step in paint(painter(), count=3) if step.pixels is not None]
    graph = unet(batch=rows)
    seen = [step.pixels for step in paint(painter(unet=graph, batch=3), count=3) if step.pixels is not None]
    assert {call["sample"].shape[0] for call in graph.calls} == {rows}
    assert len(graph.calls) == 4 * 6 // rows
    assert all(np.abs(one.astype(int) - other).max() <= 1 for one, other in zip(alone, seen, strict=True))


def test_different_wishes_are_painted_together():
    image = np.full((*SIZE, 3), 200, np.uint8)
    for extra in ({}, {"image": image, "strength": 0.5}):
        wishes = [
            Wish(prompt="a red house", seed=3, count=2, **extra),
            Wish(prompt="a dragon", negative="blurry", seed=9, **extra),
        ]
        alone = [
            step.pixels
            for wish in wishes
            for step in steps_of(painter(vae_encoder=encoder()).paint(wish))
            if step.pixels is not None
        ]
        events = list(painter(vae_encoder=encoder(), batch=3).paint_all(wishes))
        assert [event.prompt for event in events[:2]] == ["a red house", "a dragon"]
        last = [step for step in steps_of(events) if step.pixels is not None]
        assert [(step.picture, step.count, step.seed) for step in last] == [(0, 3, 3), (1, 3, 4), (2, 3, 9)]
        assert all(np.abs(one.astype(int) - each.pixels).max() <= 1 for one, each in zip(alone, last, strict=True))
    assert (last[0].pixels != last[2].pixels).any()


def test_wishes_that_need_other_steps_are_not_painted_together():
    with pytest.raises(Misuse, match="must agree"):
        painter().paint_all([Wish(prompt="a house"), Wish(prompt="a house", steps=9)])
