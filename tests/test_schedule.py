"""Our samplers beside diffusers' schedulers, on the same noise and the same pretended model."""

import diffusers
import numpy as np
import pytest
import torch
from diffusers.schedulers import (
    scheduling_euler_ancestral_discrete,
    scheduling_lcm,
)
from orchestrator.paint.samplers import SAMPLERS, Eye
from orchestrator.paint.schedule import plan, signal_powers

from orchestrator.errors import Misuse
from orchestrator.paint.description import Description

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # torch beside numpy 2
SHAPE = (4, 8, 8)
SCHEDULERS = {
    "dpm++2m": diffusers.DPMSolverMultistepScheduler,
    "pndm": diffusers.PNDMScheduler,
    "euler": diffusers.EulerDiscreteScheduler,
    "euler-a": diffusers.EulerAncestralDiscreteScheduler,
    "ddim": diffusers.DDIMScheduler,
    "lcm": diffusers.LCMScheduler,
}
SPACED = [
    (sampler, spacing) for sampler in SAMPLERS if sampler != "lcm" for spacing in ("leading", "trailing", "linspace")
]
CASES = [*SPACED, ("lcm", "leading"), ("dpm++2m", "karras"), ("euler", "karras")]
TOLERANCE = 2e-5  # the largest difference seen is 1.2e-5 (dpm++2m, karras, 4 steps), in latents of size 6 to 12


def describe(**changes) -> Description:
    return Description(name="pretended", latent_shape=SHAPE, size=(64, 64), text_width=8, **changes)


def pretend(latents, timestep):
    """Answer like a model: by place, channel and time, within range; the same for numpy and torch."""
    turned = latents[..., [1, 2, 3, 0], :, :]
    return 0.75 * latents + 0.2 * turned + 0.1 * np.sin(float(timestep) / 90.0)


def draws(seed):
    random = np.random.RandomState(seed)
    return lambda: random.randn(*SHAPE).astype(np.float32)


def ours(description, sampler, spacing, steps, *, picture=None, strength=1.0) -> list[np.ndarray]:
    chance = draws(7)
    laid = plan(description, sampler=sampler, spacing=spacing, steps=steps, strength=strength)
    eye = Eye(look=lambda x, level: pretend(x, level.timestep).astype(np.float32), prediction=description.prediction)
    moments = SAMPLERS[sampler](eye, laid.begin(chance(), picture), laid.hops, chance)
    return [moment.latents for moment in moments]


def theirs(description, sampler, spacing, steps, monkeypatch, *, picture=None, strength=1.0) -> list[np.ndarray]:
    chance = draws(7)
    for module in (scheduling_euler_ancestral_discrete, scheduling_lcm):
        monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: torch.from_numpy(chance()))
    scheduler = configured(description, sampler, spacing)
    scheduler.set_timesteps(steps)
    begin = steps - min(int(steps * strength), steps)
    timesteps = scheduler.timesteps[begin:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    noise = torch.from_numpy(chance())
    if picture is None:
        latents = noise * scheduler.init_noise_sigma
    else:
        latents = scheduler.add_noise(torch.from_numpy(picture)[None], noise[None], timesteps[:1])[0]
    return [in_our_scale(scheduler, latents) for latents in walk(scheduler, latents, timesteps)]


def configured(description, sampler, spacing):
    extras = {"use_karras_sigmas": True} if spacing == "karras" else {"timestep_spacing": spacing}
    if sampler == "pndm":
        extras["skip_prk_steps"] = True
    else:
        extras["rescale_betas_zero_snr"] = description.zero_terminal_snr
    if sampler in ("pndm", "ddim", "lcm"):
        extras["set_alpha_to_one"] = False
    if sampler in ("ddim", "lcm"):
        extras["clip_sample"] = False
    return SCHEDULERS[sampler](
        beta_start=description.beta_start,
        beta_end=description.beta_end,
        beta_schedule=description.beta_schedule,
        steps_offset=1,
        prediction_type="v_prediction" if description.prediction == "v" else "epsilon",
        **extras,
    )


def walk(scheduler, latents, timesteps):
    for timestep in timesteps:
        output = pretend(scheduler.scale_model_input(latents, timestep), timestep)
        latents = scheduler.step(output, timestep, latents, return_dict=False)[0]
        yield latents


def in_our_scale(scheduler, latents) -> np.ndarray:
    if "Euler" in type(scheduler).__name__:  # diffusers lets these latents grow with sigma
        latents = latents / (scheduler.sigmas[scheduler.step_index] ** 2 + 1) ** 0.5
    return latents.numpy()


def largest_difference(left, right) -> float:
    assert len(left) == len(right)
    return max(float(np.abs(a - b).max()) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize(("sampler", "spacing"), CASES)
@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_every_step_of_every_sampler_is_what_diffusers_does(sampler, spacing, prediction, monkeypatch):
    description = describe(prediction=prediction)
    for steps in (1, 2, 4, 20, 50):
        if (sampler, spacing, steps) == ("euler", "karras", 1):
            continue  # diffusers then begins at timestep 0, where there is no noise
        mine = ours(description, sampler, spacing, steps)
        assert largest_difference(mine, theirs(description, sampler, spacing, steps, monkeypatch)) < TOLERANCE


@pytest.mark.parametrize(("sampler", "spacing"), [case for case in CASES if case[0] != "pndm"])
def test_zero_terminal_snr_is_what_diffusers_does(sampler, spacing, monkeypatch):
    description = describe(prediction="v", zero_terminal_snr=True)
    for steps in (2, 20):
        mine = ours(description, sampler, spacing, steps)
        # Euler's latents stand at 4096 sigma in diffusers, where float32 loses 1.0e-3; ours are within 6e-7 of float64.
        tolerance = 2e-3 if sampler.startswith("euler") else TOLERANCE
        assert largest_difference(mine, theirs(description, sampler, spacing, steps, monkeypatch)) < tolerance


@pytest.mark.parametrize(("sampler", "spacing"), CASES)
@pytest.mark.parametrize("strength", [0.3, 0.8, 0.95, 1.0])
def test_beginning_from_a_picture_is_what_diffusers_does(sampler, spacing, strength, monkeypatch):
    picture = draws(3)()
    mine = ours(describe(), sampler, spacing, 20, picture=picture, strength=strength)
    assert (
        largest_difference(
            mine, theirs(describe(), sampler, spacing, 20, monkeypatch, picture=picture, strength=strength)
        )
        < TOLERANCE
    )


@pytest.mark.parametrize("beta_schedule", ["linear", "scaled_linear"])
@pytest.mark.parametrize("zero_terminal_snr", [False, True])
def test_signal_powers_are_diffusers_own(beta_schedule, zero_terminal_snr):
    description = describe(beta_schedule=beta_schedule, zero_terminal_snr=zero_terminal_snr, prediction="v")
    reference = configured(description, "ddim", "leading").alphas_cumprod.numpy()
    assert np.abs(signal_powers(description) - reference).max() < 2e-6  # float64 against float32; seen: 5.1e-7


def test_pndm_calls_the_model_once_more_than_it_has_steps():
    assert len(plan(describe(), sampler="pndm", spacing="leading", steps=20).hops) == 21
    assert len(plan(describe(), sampler="dpm++2m", spacing="leading", steps=20).hops) == 20


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"sampler": "ddim", "spacing": "karras", "steps": 20}, "karras"),
        ({"sampler": "dpm++2m", "spacing": "leading", "steps": 1000}, "too many"),
        ({"sampler": "ddim", "spacing": "leading", "steps": 1000}, "too many"),
        ({"sampler": "lcm", "spacing": "leading", "steps": 51}, "too many"),
        ({"sampler": "euler", "spacing": "leading", "steps": 2, "strength": 0.3}, "none to paint"),
    ],
)
def test_what_a_schedule_cannot_do_is_said_in_one_line(asked, word):
    with pytest.raises(Misuse, match=word) as caught:
        plan(describe(), **asked)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_pndm_refuses_to_begin_at_pure_noise_but_not_after_it():
    dark = describe(prediction="v", zero_terminal_snr=True)
    with pytest.raises(Misuse, match="pure noise"):
        plan(dark, sampler="pndm", spacing="trailing", steps=20)
    assert plan(dark, sampler="pndm", spacing="leading", steps=20)
