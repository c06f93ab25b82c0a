"""Derive a model's `Description` from its configurations: what painting must know and the graphs do not say."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import torch

from orchestrator.convert.graphs import Decoder, autoencoder
from orchestrator.convert.source import HINT, Source
from orchestrator.convert.tokenizer import padding
from orchestrator.errors import AudioToImageError
from orchestrator.paint.description import BETA_SCHEDULES, Description

PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v"}
SAMPLERS = {"EulerDiscreteScheduler": "euler", "EulerAncestralDiscreteScheduler": "euler-a", "LCMScheduler": "lcm"}
PREVIEWED = 24  # latents that the preview is fitted to
PREVIEW_SIDE = 16  # of those latents; the decoder takes any size


def describe(source: Source, name: str) -> Description:
    """Derive a description from diffusers' configurations; a `model.json` beside them overrides it."""
    scheduler = _scheduler(source)
    unet, vae, text = source.configs["unet"], source.configs["vae"], source.configs["text_encoder"]
    side = unet["sample_size"] * 2 ** (len(vae["block_out_channels"]) - 1)
    values: dict[str, Any] = {
        "name": name,
        "latent_shape": (unet["in_channels"], unet["sample_size"], unet["sample_size"]),
        "size": (side, side),
        "text_width": text["hidden_size"],
        "latent_scale": vae.get("scaling_factor", 0.18215),
        "token_length": text["max_position_embeddings"],
        "token_padding": padding(source),
        "preview": preview(source),
        **_noise(scheduler, source),
        **_preferences(scheduler),
    }
    known = {field.name for field in fields(Description)}
    values |= {
        key: tuple(value) if isinstance(value, list) else value for key, value in source.about.items() if key in known
    }
    try:
        return Description(**values)
    except (TypeError, ValueError) as error:
        raise AudioToImageError(f"cannot describe {source.folder}: {error}", HINT) from error


def _scheduler(source: Source) -> dict[str, Any]:
    """Read the scheduler's configuration, completed with the defaults of its class."""
    import diffusers

    config = source.configs["scheduler"]
    name = str(config.get("_class_name"))
    kind: Any = getattr(diffusers, name, None)
    if not name.endswith("Scheduler") or not hasattr(kind, "from_config"):
        raise AudioToImageError(f"cannot convert {source.folder}: unknown scheduler {name}", HINT)
    return {**kind.from_config(config).config, "_class_name": name}


def _noise(scheduler: dict[str, Any], source: Source) -> dict[str, Any]:
    prediction, betas = scheduler.get("prediction_type"), scheduler.get("beta_schedule")
    if prediction not in PREDICTIONS or betas not in BETA_SCHEDULES or scheduler.get("trained_betas") is not None:
        raise AudioToImageError(
            f"cannot convert {source.folder}: its noise is {betas} betas predicting {prediction}", HINT
        )
    return {
        "prediction": PREDICTIONS[prediction],
        "beta_start": scheduler["beta_start"],
        "beta_end": scheduler["beta_end"],
        "beta_schedule": betas,
        "train_steps": scheduler["num_train_timesteps"],
        "steps_offset": scheduler.get("steps_offset", 0),
        "zero_terminal_snr": bool(scheduler.get("rescale_betas_zero_snr", False)),
    }


def _preferences(scheduler: dict[str, Any]) -> dict[str, Any]:
    """Choose the model's preferred settings; distilled models are recognised by their scheduler."""
    sampler = SAMPLERS.get(scheduler["_class_name"], "dpm++2m")
    spacing = "karras" if scheduler.get("use_karras_sigmas") else scheduler.get("timestep_spacing", "leading")
    chosen: dict[str, Any] = {"sampler": sampler, "spacing": spacing}
    if sampler == "lcm":
        chosen |= {"steps": 4, "guidance": 1.0}
    elif sampler.startswith("euler") and spacing == "trailing" and not scheduler.get("rescale_betas_zero_snr"):
        chosen |= {"steps": 4, "guidance": 0.0}  # the Turbo models
    return chosen


def preview(source: Source) -> tuple[tuple[float, float, float], ...]:
    """Fit, by least squares, the matrix from latents and a constant to the decoder's colours in 0..1."""
    vae = autoencoder(source).eval()
    latents = _smooth_latents(vae.config.latent_channels)
    scale = vae.config.scaling_factor
    with torch.no_grad():
        pictures = torch.cat([Decoder(vae)(each[None] / scale) for each in latents]).clamp(-1, 1) / 2 + 0.5
    colours = torch.nn.functional.adaptive_avg_pool2d(pictures, PREVIEW_SIDE).permute(0, 2, 3, 1).reshape(-1, 3)
    known = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    known = torch.cat([known, torch.ones(len(known), 1)], dim=1)
    matrix = np.linalg.lstsq(known.double().numpy(), colours.double().numpy(), rcond=None)[0]
    return tuple((round(float(r), 5), round(float(g), 5), round(float(b), 5)) for r, g, b in matrix)


def _smooth_latents(channels: int) -> torch.Tensor:
    """Draw latents that vary slowly, as those of pictures do: noise at several sizes, each scaled up."""
    generator = torch.Generator().manual_seed(0)
    drawn = []
    for side in (1, 2, 4, 8) * (PREVIEWED // 4):
        noise = torch.randn(1, channels, side, side, generator=generator)
        drawn.append(torch.nn.functional.interpolate(noise, size=PREVIEW_SIDE, mode="bicubic")[0])
    return torch.stack(drawn)
