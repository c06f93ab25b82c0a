"""Descriptions of models that come without one: Apple's Core ML folders, recognised by the shapes of their unet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.errors import AudioToImageError
from orchestrator.paint.description import Description
from orchestrator.runtime import REPAIR, Port

VARIANTS = ("split_einsum_v2", "split_einsum", "original")
PIXELS_PER_LATENT = 8
# The linear map from Stable Diffusion's latents to colours that its users fitted: halved, around mid-grey.
PREVIEW = (
    (0.149, 0.1035, 0.104),
    (0.0935, 0.143, 0.0865),
    (-0.079, 0.0945, 0.132),
    (-0.092, -0.1355, -0.2365),
    (0.5, 0.5, 0.5),
)
SD_1 = Description(
    name="stable-diffusion-1",
    latent_shape=(4, 64, 64),
    size=(512, 512),
    text_width=768,
    token_padding=49407,
    preview=PREVIEW,
    licence="CreativeML Open RAIL-M",
)
SD_2_BASE = replace(
    SD_1, name="stable-diffusion-2-base", text_width=1024, token_padding=0, licence="CreativeML Open RAIL++-M"
)
SD_2_LARGE = replace(SD_2_BASE, name="stable-diffusion-2", prediction="v")
SD_TURBO = replace(
    SD_2_BASE, name="sd-turbo", steps=4, guidance=0.0, sampler="euler", spacing="trailing", licence="sai-nc-community"
)


def describe(folder: Path, sample: Port, context: Port) -> Description:
    """Return the description of a folder of Apple's, from the inputs of its unet."""
    if len(sample.shape) != 4 or len(context.shape) not in (3, 4):
        raise _unknown(folder)
    _, channels, height, width = sample.shape
    text_width = context.shape[1] if len(context.shape) == 4 else context.shape[2]
    model = _model(text_width, height, turbo="turbo" in str(folder).lower())
    if channels != 4 or not height or not width or not model:
        raise _unknown(folder)
    return replace(
        model,
        latent_shape=(channels, height, width),
        size=(width * PIXELS_PER_LATENT, height * PIXELS_PER_LATENT),
        variant=next((variant for variant in VARIANTS if variant in str(folder.resolve())), "original"),
    )


def _model(text_width: int | None, height: int | None, turbo: bool) -> Description | None:
    """Return the model with this text width and, for the second generation, made for this latent height."""
    if text_width == SD_1.text_width:
        return SD_1
    if text_width != SD_2_BASE.text_width:
        return None
    if turbo:
        return SD_TURBO
    return SD_2_LARGE if height == 96 else SD_2_BASE


def _unknown(folder: Path) -> AudioToImageError:
    return AudioToImageError(f"the unet in {folder} is not of a known Stable Diffusion model", REPAIR)
