"""The whole way from words to pixels beside diffusers' pipelines: the same saved model, the same noise."""

from dataclasses import dataclass

import diffusers
import numpy as np
import pytest
import tiny
import torch
import transformers
from diffusers.models.autoencoders import vae as vae_module
from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion, pipeline_stable_diffusion_img2img
from diffusers.schedulers import scheduling_euler_ancestral_discrete, scheduling_lcm
from PIL import Image

from orchestrator.choices import SAMPLERS
from orchestrator.diffusion import loop
from orchestrator.paint import Wish, open_painter
from orchestrator.paint.pixels import clip_view

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # torch beside numpy 2
NOISY_MODULES = (
    vae_module,
    pipeline_stable_diffusion,
    pipeline_stable_diffusion_img2img,
    scheduling_euler_ancestral_discrete,
    scheduling_lcm,
)
SCHEDULERS = {
    "dpm++2m": diffusers.DPMSolverMultistepScheduler,
    "pndm": diffusers.PNDMScheduler,
    "euler": diffusers.EulerDiscreteScheduler,
    "euler-a": diffusers.EulerAncestralDiscreteScheduler,
    "ddim": diffusers.DDIMScheduler,
    "lcm": diffusers.LCMScheduler,
}
PROMPT = "a red house by the sea, wow!"
LATENT_TOLERANCE = (
    2e-4  # the largest difference seen is 8.7e-5 (lcm; the others stay below 2.9e-5), of latents up to 9.6
)
PIXEL_TOLERANCE = 0.51  # of 255, unrounded beside rounded: the largest seen is 0.5002


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What diffusers painted."""

    pixels: np.ndarray  # 0..255, not rounded
    latents: list[np.ndarray]  # after each step, in our scale


def ask(**changes) -> Wish:
    asked = {"prompt": PROMPT, "negative": "blurry", "seed": 5, "steps": 4, "guidance": 5.0}
    return Wish(**{"sampler": "dpm++2m", "spacing": "leading", **asked, **changes})


@pytest.fixture(scope="module", params=tiny.KINDS)
def model(request, tmp_path_factory):
    """A saved model as diffusers' pipeline and as our painter."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")
    saved = tiny.save(request.param, folder / "diffusers")
    painter = open_painter(tiny.to_onnx(saved, folder / "onnx"), engine="onnx", threads=1)
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(saved, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline, painter


def theirs(pipeline, wish: Wish, monkeypatch) -> Reference:
    """Paint a wish with diffusers, with noise drawn as ours is."""
    random = np.random.RandomState(wish.seed)
    for module in NOISY_MODULES:
        monkeypatch.setattr(
            module, "randn_tensor", lambda shape, **_: torch.from_numpy(np.float32(random.randn(*shape)))
        )
    config = dict(pipeline.scheduler.config) | {"timestep_spacing": "leading", "clip_sample": False}
    scheduler = SCHEDULERS[wish.sampler or ""].from_config(config | {"set_alpha_to_one": False})
    kind, extras = diffusers.StableDiffusionPipeline, {}
    if wish.image is not None:
        kind = diffusers.StableDiffusionImg2ImgPipeline
        extras = {"image": wish.image[None] / np.float32(255), "strength": wish.strength}
    whole = kind(**{**pipeline.components, "scheduler": scheduler, "requires_safety_checker": False})
    whole.set_progress_bar_config(disable=True)
    latents = []

    def see(_, __, ___, values):
        latents.append(in_our_scale(scheduler, values["latents"][0].numpy()))
        return values

    result = whole(
        wish.prompt,
        negative_prompt=wish.negative,
        num_inference_steps=wish.steps,
        guidance_scale=wish.guidance,
        output_type="np",
        callback_on_step_end=see,
        **extras,
    )
    return Reference(pixels=result.images[0] * 255, latents=latents)


def in_our_scale(scheduler, latents: np.ndarray) -> np.ndarray:
    """Return the latents at unit variance; in diffusers' Euler samplers they grow with sigma."""
    if "Euler" not in type(scheduler).__name__:
        return latents
    return latents / (float(scheduler.sigmas[scheduler.step_index]) ** 2 + 1) ** 0.5


def spy(sampler: str, monkeypatch) -> list[np.ndarray]:
    """Record the latents after every step of one of our samplers."""
    kept = []
    original = loop.SAMPLERS[sampler]

    def watched(*args):
        for state in original(*args):
            kept.append(state.sample[0])
            yield state

    monkeypatch.setitem(loop.SAMPLERS, sampler, watched)
    return kept


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("begin", ["noise", "picture"])
def test_every_step_and_the_picture_equal_diffusers(model, sampler, begin, monkeypatch):
    pipeline, painter = model
    image = None if begin == "noise" else tiny.picture()
    wish = ask(steps=6, sampler=sampler, image=image)
    reference = theirs(pipeline, wish, monkeypatch)
    spied = spy(sampler, monkeypatch)
    _, *steps = painter.paint(wish)
    assert len(steps) == len(spied) == len(reference.latents)
    differences = [np.abs(ours - other).max() for ours, other in zip(spied, reference.latents, strict=True)]
    assert max(differences) < LATENT_TOLERANCE
    assert np.abs(reference.pixels - steps[-1].pixels).max() < PIXEL_TOLERANCE


def test_without_guidance_the_picture_equals_diffusers(model, monkeypatch):
    pipeline, painter = model
    wish = ask(guidance=1.0)
    pixels = last(painter.paint(wish)).pixels
    assert np.abs(theirs(pipeline, wish, monkeypatch).pixels - pixels).max() < PIXEL_TOLERANCE


def test_a_long_prompt_is_cut_where_diffusers_cuts_it(model, monkeypatch):
    pipeline, painter = model
    wish = ask(prompt="a red house by the sea " * 14 + "and a dragon", steps=2)
    _, *steps = painter.paint(wish)
    assert "and a dragon" in steps[0].warnings[0]
    assert steps[1].warnings == ()
    assert np.abs(theirs(pipeline, wish, monkeypatch).pixels - steps[-1].pixels).max() < PIXEL_TOLERANCE


def test_prompt_negative_prompt_and_guidance_each_change_the_picture(model):
    _, painter = model
    pictures = [
        last(painter.paint(ask(**changes))).pixels.astype(float)
        for changes in ({}, {"prompt": "a dragon"}, {"negative": "a sea"}, {"guidance": 12.0}, {"seed": 6})
    ]
    for other in pictures[1:]:
        assert np.abs(pictures[0] - other).max() > 10 * PIXEL_TOLERANCE


def test_a_picture_that_the_models_own_checker_flags_is_black_here_and_there(tmp_path, monkeypatch):
    torch.set_num_threads(1)
    saved = tiny.add_checker(tiny.save("1", tmp_path / "diffusers"), threshold=-1.0)
    step = last(open_painter(tiny.to_onnx(saved, tmp_path / "onnx"), threads=1).paint(ask(steps=1)))
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(saved)
    pipeline.set_progress_bar_config(disable=True)
    result = pipeline(PROMPT, num_inference_steps=1, output_type="np")
    assert result.nsfw_content_detected == [True]
    assert step.flagged
    assert not step.pixels.any()
    assert not result.images.any()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (512, 512), (300, 451)])
def test_the_checker_sees_what_clips_own_processor_shows_it(height, width):
    pixels = np.random.RandomState(1).randint(0, 256, (height, width, 3), np.uint8)
    reference = transformers.CLIPImageProcessorPil()(Image.fromarray(pixels), return_tensors="np")["pixel_values"][0]
    assert np.abs(clip_view(pixels) - reference).max() < 1e-5


def last(steps):
    *_, step = steps
    return step
