"""The picture model as a whole, its noise schedule and a DDIM sampler.

The schedule has scaled-linear betas, rescaled to zero terminal SNR; the model predicts v.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from training.demo.pictures.tokenizer import END, LENGTH, START, encode, vocabulary
from training.demo.pictures.unet import WIDTH, UNet

TIMESTEPS, BETAS = 1000, (0.00085, 0.012)
SCHEDULER: dict[str, Any] = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": TIMESTEPS,
    "beta_schedule": "scaled_linear",
    "beta_start": BETAS[0],
    "beta_end": BETAS[1],
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "steps_offset": 1,
}


def sqrt_alphas_cumprod() -> Tensor:
    """Return the scale of the signal at each timestep, from nearly one to exactly zero (Lin et al., 2023)."""
    betas = torch.linspace(BETAS[0] ** 0.5, BETAS[1] ** 0.5, TIMESTEPS, dtype=torch.float64) ** 2
    roots = torch.cumprod(1 - betas, 0).sqrt()
    return ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])).float()


def text_encoder() -> CLIPTextModel:
    """Return an untrained CLIP text encoder."""
    numbers = vocabulary()
    ends = {"bos_token_id": numbers[START], "eos_token_id": numbers[END], "pad_token_id": numbers[END]}
    size = {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "projection_dim": WIDTH,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
    }
    return CLIPTextModel(
        CLIPTextConfig(vocab_size=len(numbers), max_position_embeddings=LENGTH, hidden_act="quick_gelu", **size, **ends)
    )


class Painter(nn.Module):
    """The text encoder and the denoiser, trained together. Checkpoints hold the names of these attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.unet = text_encoder(), UNet()

    def forward(self, noisy: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
        return self.unet(noisy, timesteps, self.text(tokens).last_hidden_state)


@torch.no_grad()
def sample(model: Painter, tokens: Tensor, *, seed: int, steps: int = 20, guidance: float = 3.0) -> Tensor:
    """Return latents for rows of tokens, by DDIM (Song et al., 2020) with classifier-free guidance."""
    scales, count = sqrt_alphas_cumprod(), len(tokens)
    empty = torch.tensor(encode("", vocabulary())).expand(count, -1)
    text = model.text(torch.cat([tokens, empty])).last_hidden_state
    x = torch.randn(count, 12, 32, 32, generator=torch.Generator().manual_seed(seed))
    timesteps = [round(TIMESTEPS - step * TIMESTEPS / steps) - 1 for step in range(steps)]
    for time, after in zip(timesteps, [*timesteps[1:], None], strict=True):
        both = model.unet(torch.cat([x, x]), torch.full((2 * count,), time), text)
        conditional, unconditional = both.float().chunk(2)
        v, signal = unconditional + guidance * (conditional - unconditional), scales[time]
        sigma, next_signal = (1 - signal * signal).sqrt(), torch.tensor(1.0) if after is None else scales[after]
        denoised, noise = signal * x - sigma * v, signal * v + sigma * x
        x = next_signal * denoised + (1 - next_signal * next_signal).sqrt() * noise
    return x
