"""Between pixels and latents, through a model's own graphs; and its safety checker."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from orchestrator.diffusion import Array
from orchestrator.errors import AudioToImageError
from orchestrator.paint.description import Description
from orchestrator.paint.pixels import Pixels, clip_view, fit, to_pixels, to_planes
from orchestrator.runtime import REPAIR, Graph, fitted, run

LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE = -30.0, 20.0


def encode(encoder: Graph, description: Description, pixels: Pixels) -> Array:
    """Scale a picture to the model's size and return its latents' mean, then their log variance."""
    planes = to_planes(fit(pixels, *description.size))
    moments: Array = run(encoder, "latent", x=fitted(planes[None], encoder.inputs["x"]))[0]
    channels, height, width = description.latent_shape
    if moments.shape != (2 * channels, height, width):
        raise AudioToImageError(f"the encoder gives {moments.shape}: no mean and variance of these latents", REPAIR)
    return moments


def sample(moments: Array, description: Description, noise: Callable[[], Array]) -> Array:
    """Draw latents from rows of means and log variances, in the scale of the denoising loop."""
    mean, log_variance = np.split(moments, 2, axis=1)
    deviation = np.exp(0.5 * log_variance.clip(LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE))
    drawn: Array = (mean + deviation * noise()) * description.latent_scale
    return drawn


def decode(decoder: Graph, description: Description, latents: Array) -> Pixels:
    """Return the picture of one row of latents."""
    z = (latents / description.latent_scale)[None]
    planes = run(decoder, "image", z=fitted(z, decoder.inputs["z"]))[0]
    width, height = description.size
    if planes.shape != (3, height, width):
        raise AudioToImageError(f"the decoder gives {planes.shape}: no picture of {width}x{height}", REPAIR)
    if not np.isfinite(planes).all():
        raise overflow()
    return to_pixels(planes)


def flagged(checker: Graph, pixels: Pixels) -> bool:
    """Return the verdict of the model's own safety checker."""
    ports = checker.inputs
    arrays = {
        "clip_input": fitted(clip_view(pixels)[None], ports["clip_input"]),
        "images": fitted(pixels[None].astype(np.float32) / 255, ports["images"]),
    }
    if "adjustment" in ports:
        arrays["adjustment"] = fitted(np.zeros(1), ports["adjustment"])
    return bool(run(checker, "has_nsfw_concepts", **arrays).any())


def overflow() -> AudioToImageError:
    """Return the error for half precision that overflowed: the picture would be black."""
    return AudioToImageError("the model's numbers overflowed, so there is no picture", "choose --compute-unit cpu")
