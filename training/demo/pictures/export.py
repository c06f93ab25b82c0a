"""Export the trained model as a Stable Diffusion folder in diffusers' layout, in fp16; pack and unpack checkpoints.

A missing `painter.pt` or `decoder.pt` is exported untrained, to try the format. The encoder in `vae/` is one strided
convolution (`encoder.conv`), which `AutoencoderKL` does not support: `"encoder_type": "patch"` in its configuration
marks it.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training import runs
from training.demo import world
from training.demo.pictures import tokenizer
from training.demo.pictures.decoder import GROUPS, SIZES, decoder
from training.demo.pictures.diffusion import SCHEDULER, Painter
from training.demo.pictures.latents import CHANNELS, PATCH, Patches
from training.demo.pictures.unet import CONFIG

NOT_PAINTED = set(world.SUBJECTS) - set(world.PAINTED_SUBJECTS)
ABOUT = {  # facts that diffusers' files do not hold
    "name": "demo-picture",
    "licence": "MIT",
    "steps": 20,
    "guidance": 3.0,
    "sampler": "dpm++2m",
    "words": [word for word in world.words() if word not in NOT_PAINTED],
}
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
    "norm_num_groups": GROUPS,
    "act_fn": "silu",
    "sample_size": 512,
    "scaling_factor": 1.0,
    "force_upcast": False,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
    "mid_block_add_attention": False,
}


def to_fp16(weights: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """Return contiguous weights in fp16, with a prefix before their names."""
    return {
        prefix + name: weight.detach().to(torch.float16).contiguous()
        for name, weight in weights.items()
        if weight.is_floating_point()
    }


def write_json(path: Path, value: Any) -> None:
    """Write a configuration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_vae(work: Path, folder: Path) -> None:
    """Write the decoder and the encoder."""
    torch.manual_seed(2)
    model = decoder()
    if (work / "decoder.pt").exists():
        model.load_state_dict(torch.load(work / "decoder.pt", weights_only=True)["model"])
    weight, bias = (
        torch.from_numpy(array).float() for array in Patches.load(work / "shards" / "patches.npz").convolution()
    )
    write_json(folder / "config.json", VAE)
    weights = to_fp16(model.state_dict(), "decoder.") | to_fp16({"weight": weight, "bias": bias}, "encoder.conv.")
    save_file(weights, folder / "diffusion_pytorch_model.safetensors")


def load_painter(work: Path) -> Painter:
    """Return the running average of the trained weights, or an untrained model."""
    torch.manual_seed(1)
    model = Painter().eval()
    if (work / "painter.pt").exists():
        model.load_state_dict(torch.load(work / "painter.pt", weights_only=True)["average"])
    return model


def export(work: Path, folder: Path) -> None:
    """Write the folder under a temporary name, then rename it."""
    part, model = folder.with_suffix(".part"), load_painter(work)
    shutil.rmtree(part, ignore_errors=True)
    write_json(part / "model_index.json", INDEX)
    write_json(part / "model.json", ABOUT)
    write_json(part / "unet" / "config.json", {"_class_name": "UNet2DConditionModel"} | CONFIG)
    save_file(to_fp16(model.unet.state_dict()), part / "unet" / "diffusion_pytorch_model.safetensors")
    write_json(part / "scheduler" / "scheduler_config.json", SCHEDULER)
    write_vae(work, part / "vae")
    tokenizer.save(part / "tokenizer")
    model.text.half().save_pretrained(part / "text_encoder")
    config = json.loads((part / "text_encoder" / "config.json").read_text())
    # Diffusers loads the other parts in fp32.
    write_json(part / "text_encoder" / "config.json", config | {"dtype": "float32"})
    old = folder.with_suffix(".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def pack(work: Path, folder: Path) -> None:
    """Write all weights in fp16 into one small checkpoint, with the encoder beside it; `unpack` reverses it."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = torch.load(work / "decoder.pt", weights_only=True)["model"]
    part = folder / "pictures.part"
    save_file(to_fp16(load_painter(work).state_dict()) | to_fp16(weights, "decoder."), part)
    part.rename(folder / "pictures.safetensors")
    shutil.copy(work / "shards" / "patches.npz", folder / "patches.npz")


def unpack(folder: Path, work: Path) -> None:
    """Write checkpoints to resume training from; they start with new optimisers."""
    weights = {name: weight.float() for name, weight in load_file(folder / "pictures.safetensors").items()}
    prefix = "decoder."
    painter = {name: weight for name, weight in weights.items() if not name.startswith(prefix)}
    (work / "shards").mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "patches.npz", work / "shards" / "patches.npz")
    runs.save(work / "painter.pt", {"model": painter, "average": painter, "step": 0, "seen": 0})
    decoder_weights = {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}
    runs.save(work / "decoder.pt", {"model": decoder_weights, "step": 0})


def main() -> None:
    """Export, pack or unpack from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--folder", type=Path, help="write the diffusers folder here")
    parser.add_argument("--freeze", type=Path, help="pack the checkpoints into this folder")
    parser.add_argument("--thaw", type=Path, help="unpack the checkpoint in this folder first")
    arguments = parser.parse_args()
    if arguments.thaw:
        unpack(arguments.thaw, arguments.work)
    if arguments.freeze:
        pack(arguments.work, arguments.freeze)
    if arguments.folder:
        export(arguments.work, arguments.folder)


if __name__ == "__main__":
    main()
