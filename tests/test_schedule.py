"""Our samplers beside diffusers' schedulers, on the same noise and the same simulated network."""

import diffusers
import numpy as np
import pytest
import torch
from diffusers.schedulers import scheduling_euler_ancestral_discrete, scheduling_lcm

from orchestrator.diffusion.loop import SeededNoise, denoise, plan
from orchestrator.diffusion.noise import Betas, Sigmas
from orchestrator.diffusion.prediction import PREDICTIONS, Denoiser
from orchestrator.diffusion.samplers import SAMPLERS
from orchestrator.errors import Misuse

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


SD = Betas(start=0.00085, end=0.012)
ZERO_SNR = Betas(start=0.00085, end=0.012, zero_terminal_snr=True)


def network(sample, timestep):
    """Answer as a network does: by place, channel and time, within range; the same for numpy and torch."""
    turned = sample[..., [1, 2, 3, 0], :, :]
    return 0.75 * sample + 0.2 * turned + 0.1 * np.sin(float(timestep) / 90.0)


def denoiser(prediction) -> Denoiser:
    return Denoiser(
        network=lambda sample, level: network(sample, level.timestep).astype(np.float32),
        prediction=PREDICTIONS[prediction],
    )


def ours(schedule, prediction, sampler, spacing, steps, *, data=None, strength=1.0) -> list[np.ndarray]:
    laid = plan(schedule, sampler=sampler, spacing=spacing, steps=steps, strength=strength)
    states = denoise(laid, denoiser(prediction), SeededNoise([7], SHAPE), None if data is None else data[None])
    return [state.sample[0] for state in states]


def theirs(schedule, prediction, sampler, spacing, steps, *, monkeypatch, data=None, strength=1.0) -> list[np.ndarray]:
    noise = SeededNoise([7], SHAPE)
    for module in (scheduling_euler_ancestral_discrete, scheduling_lcm):
        monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: torch.from_numpy(noise()[0]))
    scheduler = configured(schedule, prediction, sampler, spacing)
    scheduler.set_timesteps(steps)
    begin = steps - min(int(steps * strength), steps)
    timesteps = scheduler.timesteps[begin:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    first = torch.from_numpy(noise()[0])
    if data is None:
        sample = first * scheduler.init_noise_sigma
    else:
        sample = scheduler.add_noise(torch.from_numpy(data)[None], first[None], timesteps[:1])[0]
    return [in_our_scale(scheduler, each) for each in walk(scheduler, sample, timesteps)]


def configured(schedule, prediction, sampler, spacing):
    extras = {"use_karras_sigmas": True} if spacing == "karras" else {"timestep_spacing": spacing}
    if sampler == "pndm":
        extras["skip_prk_steps"] = True
    else:
        extras["rescale_betas_zero_snr"] = schedule.zero_terminal_snr
    if sampler in ("pndm", "ddim", "lcm"):
        extras["set_alpha_to_one"] = False
    if sampler in ("ddim", "lcm"):
        extras["clip_sample"] = False
    return SCHEDULERS[sampler](
        beta_start=schedule.start,
        beta_end=schedule.end,
        beta_schedule="scaled_linear" if schedule.scaled else "linear",
        steps_offset=1,
        prediction_type="v_prediction" if prediction == "v" else "epsilon",
        **extras,
    )


def walk(scheduler, sample, timesteps):
    for timestep in timesteps:
        output = network(scheduler.scale_model_input(sample, timestep), timestep)
        sample = scheduler.step(output, timestep, sample, return_dict=False)[0]
        yield sample


def in_our_scale(scheduler, sample) -> np.ndarray:
    if "EDM" in type(scheduler).__name__:
        sample = sample / (scheduler.sigmas[scheduler.step_index] ** 2 + scheduler.config.sigma_data**2) ** 0.5
    elif "Euler" in type(scheduler).__name__:  # diffusers lets these samples grow with sigma
        sample = sample / (scheduler.sigmas[scheduler.step_index] ** 2 + 1) ** 0.5
    return sample.numpy()


def largest_difference(left, right) -> float:
    assert len(left) == len(right)
    return max(float(np.abs(a - b).max()) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize(("sampler", "spacing"), CASES)
@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_every_step_of_every_sampler_equals_diffusers(sampler, spacing, prediction, monkeypatch):
    for steps in (1, 2, 4, 20, 50):
        if (sampler, spacing, steps) == ("euler", "karras", 1):
            continue  # diffusers then starts at timestep 0, where there is no noise
        mine = ours(SD, prediction, sampler, spacing, steps)
        reference = theirs(SD, prediction, sampler, spacing, steps, monkeypatch=monkeypatch)
        assert largest_difference(mine, reference) < TOLERANCE


@pytest.mark.parametrize(("sampler", "spacing"), [case for case in CASES if case[0] != "pndm"])
def test_zero_terminal_snr_equals_diffusers(sampler, spacing, monkeypatch):
    for steps in (2, 20):
        mine = ours(ZERO_SNR, "v", sampler, spacing, steps)
        reference = theirs(ZERO_SNR, "v", sampler, spacing, steps, monkeypatch=monkeypatch)
        # Euler's samples start at 4096 sigma in diffusers, where float32 loses 1.0e-3; ours are within 6e-7 of float64.
        assert largest_difference(mine, reference) < (2e-3 if sampler.startswith("euler") else TOLERANCE)


@pytest.mark.parametrize(("sampler", "spacing"), CASES)
@pytest.mark.parametrize("strength", [0.3, 0.8, 0.95, 1.0])
def test_starting_from_data_equals_diffusers(sampler, spacing, strength, monkeypatch):
    data = SeededNoise([3], SHAPE)()[0]
    mine = ours(SD, "epsilon", sampler, spacing, 20, data=data, strength=strength)
    reference = theirs(SD, "epsilon", sampler, spacing, 20, monkeypatch=monkeypatch, data=data, strength=strength)
    assert largest_difference(mine, reference) < TOLERANCE


EDM = {"dpm++2m": diffusers.EDMDPMSolverMultistepScheduler, "euler": diffusers.EDMEulerScheduler}


@pytest.mark.parametrize("sampler", EDM)
@pytest.mark.parametrize("steps", [2, 4, 12, 50])
def test_the_sigma_schedule_equals_diffusers_edm(sampler, steps):
    scheduler = EDM[sampler](sigma_min=0.002, sigma_max=80.0, sigma_data=0.5, rho=7.0)
    scheduler.set_timesteps(steps)
    first = torch.from_numpy(SeededNoise([7], SHAPE)()[0]) * scheduler.init_noise_sigma
    reference = [in_our_scale(scheduler, each) for each in walk(scheduler, first, scheduler.timesteps)]
    mine = ours(Sigmas(), "edm", sampler, "karras", steps)
    # In diffusers the samples have 80 times the size, where float32 loses more; the largest seen is 3.3e-5.
    assert largest_difference(mine, reference) < 1e-4


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("zero_terminal_snr", [False, True])
def test_signal_powers_equal_diffusers(scaled, zero_terminal_snr):
    schedule = Betas(start=0.00085, end=0.012, scaled=scaled, zero_terminal_snr=zero_terminal_snr)
    reference = configured(schedule, "v", "ddim", "leading").alphas_cumprod.numpy()
    assert np.abs(schedule.signal_powers - reference).max() < 2e-6  # float64 against float32; seen: 5.1e-7


def test_pndm_calls_the_network_once_more_than_it_has_steps():
    assert len(plan(SD, sampler="pndm", spacing="leading", steps=20).steps) == 21
    assert len(plan(SD, sampler="dpm++2m", spacing="leading", steps=20).steps) == 20


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"sampler": "ddim", "spacing": "karras", "steps": 20}, "karras"),
        ({"sampler": "dpm++2m", "spacing": "leading", "steps": 1000}, "too many"),
        ({"sampler": "ddim", "spacing": "leading", "steps": 1000}, "too many"),
        ({"sampler": "lcm", "spacing": "leading", "steps": 51}, "too many"),
        ({"sampler": "euler", "spacing": "leading", "steps": 2, "strength": 0.3}, "none to paint"),
        ({"schedule": Sigmas(), "sampler": "ddim", "spacing": "karras", "steps": 20}, "ddim"),
        ({"schedule": Sigmas(), "sampler": "euler", "spacing": "leading", "steps": 20}, "leading"),
    ],
)
def test_an_impossible_schedule_is_one_line_and_a_hint(asked, word):
    with pytest.raises(Misuse, match=word) as caught:
        plan(**{"schedule": SD, **asked})
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_pndm_cannot_start_at_pure_noise_but_can_after_it():
    with pytest.raises(Misuse, match="pure noise"):
        plan(ZERO_SNR, sampler="pndm", spacing="trailing", steps=20)
    assert plan(ZERO_SNR, sampler="pndm", spacing="leading", steps=20)
