"""Random models of Stable Diffusion's shape, small enough for tests: saved by diffusers, converted by us."""

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

from orchestrator.convert import convert

CLIP = Path(__file__).parent / "data" / "clip"
WORDS = 49408
NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
KINDS: dict[str, dict[str, Any]] = {  # of Stable Diffusion: what tells its generations apart
    "1": {"padding": "<|endoftext|>", "prediction": "epsilon", "width": 24, "act": "quick_gelu", "linear": False},
    "2": {"padding": "!", "prediction": "epsilon", "width": 32, "act": "gelu", "linear": True},
    "v": {"padding": "!", "prediction": "v_prediction", "width": 32, "act": "gelu", "linear": True},
}


def save(kind: str, folder: Path) -> Path:
    """Save a model of one kind as a diffusers folder."""
    torch.manual_seed(len(kind) + ord(kind[0]))
    settings = KINDS[kind]
    scheduler = diffusers.PNDMScheduler(**NOISE, skip_prk_steps=True, prediction_type=settings["prediction"])
    pieces = {"text_encoder": text_encoder(settings), "unet": unet(settings), "vae": vae(), "scheduler": scheduler}
    for name, piece in pieces.items():
        piece.save_pretrained(folder / name)
    tokenizer(settings["padding"], folder / "tokenizer")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def text_encoder(settings):
    config = transformers.CLIPTextConfig(
        vocab_size=WORDS,
        hidden_size=settings["width"],
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_act=settings["act"],
        bos_token_id=WORDS - 2,
        eos_token_id=WORDS - 1,
        initializer_factor=8.0,  # or prompts would hardly differ
    )
    return transformers.CLIPTextModel(config)


def add_checker(folder: Path, threshold: float) -> Path:
    """Give a saved model a safety checker: at threshold -1 it flags everything, at 1 nothing."""
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(vision_config={**vision, "patch_size": 32}, projection_dim=8)
    checker = StableDiffusionSafetyChecker(config)
    checker.concept_embeds.data = torch.randn(17, 8)
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.save_pretrained(folder / "safety_checker")
    transformers.CLIPImageProcessorPil().save_pretrained(folder / "feature_extractor")
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index["feature_extractor"] = ["transformers", "CLIPImageProcessorPil"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def unet(settings):
    return diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=settings["width"],
        attention_head_dim=4,
        norm_num_groups=8,
        use_linear_projection=settings["linear"],
    )


def vae():
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
        latent_channels=4,
    )


def tokenizer(padding: str, folder: Path) -> None:
    """Write the files that Stable Diffusion's own tokenizers consist of."""
    folder.mkdir()
    for name in ("vocab.json", "merges.txt"):
        shutil.copyfile(CLIP / name, folder / name)
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    config = {**special, "pad_token": padding, "model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    (folder / "special_tokens_map.json").write_text(json.dumps({**special, "pad_token": padding}))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def to_onnx(source: Path, target: Path) -> Path:
    """Convert a saved model with whole weights, so that only arithmetic differs."""
    for _ in convert(source, target, to="onnx", weights="fp32"):
        pass
    return target


def picture(seed: int = 0) -> np.ndarray:
    """Draw something 64 pixels wide and high."""
    return np.random.RandomState(seed).randint(0, 256, (64, 64, 3), np.uint8)
