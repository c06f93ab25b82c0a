"""Random Stable Diffusion models as diffusers saves them: of the demo model's shape, and of Stable Diffusion 2.1's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLIP = Path(__file__).parent.parent / "tests" / "data" / "clip"
WORDS = 49408
NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def demo(folder: Path) -> Path:
    """Save a model of the demo model's shape."""
    import diffusers

    unet = {
        "sample_size": 32,
        "in_channels": 12,
        "out_channels": 12,
        "block_out_channels": (32, 64, 128),
        "down_block_types": ("DownBlock2D", *("CrossAttnDownBlock2D",) * 2),
        "up_block_types": (*("CrossAttnUpBlock2D",) * 2, "UpBlock2D"),
        "layers_per_block": 1,
        "attention_head_dim": 4,
        "norm_num_groups": 16,
    }
    text = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4}
    vae = {"block_out_channels": (16, 32, 48, 64, 96), "latent_channels": 12, "norm_num_groups": 16}
    options = {"layers_per_block": 1, "mid_block_add_attention": False, "scaling_factor": 1.0}
    scheduler = diffusers.DDIMScheduler(**NOISE, prediction_type="v_prediction", timestep_spacing="trailing")
    return _save(folder, unet, {**text, "max_position_embeddings": 28}, {**vae, **options}, scheduler)


def full(folder: Path) -> Path:
    """Save a model of Stable Diffusion 2.1's size: 866 million numbers in its UNet."""
    import diffusers

    unet = {"sample_size": 64, "block_out_channels": (320, 640, 1280, 1280), "attention_head_dim": (5, 10, 20, 20)}
    text = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16}
    vae = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "scaling_factor": 0.18215}
    scheduler = diffusers.PNDMScheduler(**NOISE, skip_prk_steps=True)
    return _save(folder, unet, {**text, "hidden_act": "gelu"}, vae, scheduler)


def _save(folder: Path, unet: dict[str, Any], text: dict[str, Any], vae: dict[str, Any], scheduler: Any) -> Path:
    """Save a model piece by piece, in fp16; the folder gets its name when it is complete."""
    import diffusers
    import torch
    import transformers

    torch.manual_seed(0)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    blocks = len(vae["block_out_channels"])
    vae |= {"down_block_types": ("DownEncoderBlock2D",) * blocks, "up_block_types": ("UpDecoderBlock2D",) * blocks}
    unet |= {"cross_attention_dim": text["hidden_size"], "use_linear_projection": True}
    ends = {"bos_token_id": WORDS - 2, "eos_token_id": WORDS - 1}
    pieces: dict[str, Callable[[], Any]] = {
        "unet": lambda: diffusers.UNet2DConditionModel(**unet).half(),
        "vae": lambda: diffusers.AutoencoderKL(**vae).half(),
        "text_encoder": lambda: transformers.CLIPTextModel(
            transformers.CLIPTextConfig(vocab_size=WORDS, **ends, **text)
        ).half(),
    }
    for name, build in pieces.items():
        build().save_pretrained(part / name)
    tokenizer = transformers.CLIPTokenizer(
        str(CLIP / "vocab.json"), str(CLIP / "merges.txt"), model_max_length=text.get("max_position_embeddings", 77)
    )
    _save_rest(part, tokenizer, scheduler)
    return part.replace(folder)


def _save_rest(folder: Path, tokenizer: Any, scheduler: Any) -> None:
    import json

    tokenizer.save_pretrained(folder / "tokenizer")
    scheduler.save_pretrained(folder / "scheduler")
    kinds = {
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", type(scheduler).__name__],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
    }
    index = {"_class_name": "StableDiffusionPipeline", "requires_safety_checker": False, **kinds}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))
