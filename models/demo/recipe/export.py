"""What training left -> a Stable-Diffusion folder as diffusers lays it out, in half precision.

Comes in: `painter.pt`, `decoder.pt`, `patches.npz` (what is missing is exported untrained, to try the format). Goes
out: a folder with `model_index.json`, `unet/`, `vae/`, `text_encoder/`, `tokenizer/`, `scheduler/`. The encoder in
`vae/` is one strided convolution (`encoder.conv`), which `AutoencoderKL` does not know: `"encoder_type": "patch"` in
its configuration says so.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import vocabulary
from decoder import SIZES, decoder
from diffusion import SCHEDULER, Painter
from latents import CHANNELS, PATCH, Patches
from safetensors.torch import save_file
from torch import Tensor
from unet import CONFIG

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
VAE: dict[str, Any] = {
    "_class_name": "AutoencoderKL",
    "encoder_type": "patch",
    "patch_size": PATCH,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": CHANNELS,
    "block_out_channels": list(SIZES),
    "down_block_types": ["DownEncoderBlock2D"] * len(SIZES),
    "up_block_types": ["UpDecoderBlock2D"] * len(SIZES),
    "layers_per_block": 1,
    "norm_num_groups": 16,
    "act_fn": "silu",
    "sample_size": 512,
    "scaling_factor": 1.0,
    "force_upcast": False,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
    "mid_block_add_attention": False,
}


def halves(weights: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """Return the weights in half precision, contiguous, their names prefixed."""
    return {
        prefix + name: weight.detach().to(torch.float16).contiguous()
        for name, weight in weights.items()
        if weight.is_floating_point()
    }


def write_json(path: Path, value: Any) -> None:
    """Write a configuration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def vae(work: Path, folder: Path) -> None:
    """Write decoder and encoder."""
    torch.manual_seed(2)
    model = decoder()
    if (work / "decoder.pt").exists():
        model.load_state_dict(torch.load(work / "decoder.pt", weights_only=True)["model"])
    weight, bias = (
        torch.from_numpy(array).float() for array in Patches.load(work / "shards" / "patches.npz").convolution()
    )
    write_json(folder / "config.json", VAE)
    weights = halves(model.state_dict(), "decoder.") | halves({"weight": weight, "bias": bias}, "encoder.conv.")
    save_file(weights, folder / "diffusion_pytorch_model.safetensors")


def painter(work: Path) -> Painter:
    """Return the trained model's running average, or a fresh one."""
    torch.manual_seed(1)
    model = Painter().eval()
    if (work / "painter.pt").exists():
        model.load_state_dict(torch.load(work / "painter.pt", weights_only=True)["average"])
    return model


def export(work: Path, folder: Path) -> None:
    """Write the folder beside its place, then put it there whole."""
    part, model = folder.with_suffix(".part"), painter(work)
    shutil.rmtree(part, ignore_errors=True)
    write_json(part / "model_index.json", INDEX)
    write_json(part / "unet" / "config.json", {"_class_name": "UNet2DConditionModel"} | CONFIG)
    save_file(halves(model.unet.state_dict()), part / "unet" / "diffusion_pytorch_model.safetensors")
    write_json(part / "scheduler" / "scheduler_config.json", SCHEDULER)
    vae(work, part / "vae")
    vocabulary.save(part / "tokenizer")
    model.text.half().save_pretrained(part / "text_encoder")
    old = folder.with_suffix(".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def main() -> None:
    """Export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    export(arguments.work, arguments.folder)


if __name__ == "__main__":
    main()
