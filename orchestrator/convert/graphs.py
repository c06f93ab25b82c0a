"""Read one piece of a model as a torch module with our painters' inputs and outputs, ready to be traced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.utils import logging as diffusers_log
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers.utils import logging as transformers_log

from orchestrator.convert.attention import Gate, Processor
from orchestrator.convert.source import HINT, Source
from orchestrator.errors import AudioToImageError

MASKED = -1e4  # added to a score that must not count; fp16 can hold it, and k-means is not thrown off by it
CLIP_SIZE = 224  # pixels, of a safety checker's input
LEGACY_EOT = 2  # the end of text in CLIP's first configurations; they meant the highest token


@dataclass(frozen=True, kw_only=True)
class Graph:
    """One piece of a model, ready to be traced."""

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    batched: bool = False  # accepts any number of rows


def read(source: Source, name: str, *, for_onnx: bool) -> Graph:
    """Load one piece of a model in the form for ONNX or for Core ML."""
    diffusers_log.set_verbosity_error()
    transformers_log.set_verbosity_error()
    transformers_log.disable_progress_bar()
    graph = READERS[name](source)
    _rewrite(graph.module, for_onnx)
    graph.module.eval().requires_grad_(False)
    return graph


def latents(source: Source) -> Tensor:
    """Draw latents of the model's size."""
    side = source.configs["unet"]["sample_size"]
    return torch.randn(1, source.configs["unet"]["in_channels"], side, side, generator=torch.Generator().manual_seed(0))


def autoencoder(source: Source) -> Any:
    """Load the autoencoder; diffusers has no encoder of one convolution over patches, as the demo model's."""
    from diffusers import AutoencoderKL

    config = source.configs["vae"]
    if config.get("encoder_type") != "patch":
        return _load(AutoencoderKL, source, "vae")
    vae: Any = AutoencoderKL.from_config(config)
    side = config["patch_size"]
    vae.encoder = nn.Module()
    vae.encoder.conv = nn.Conv2d(3, 2 * config["latent_channels"], side, stride=side)
    try:
        vae.load_state_dict(load_file(source.folder / "vae" / "diffusion_pytorch_model.safetensors"))
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise AudioToImageError(f"cannot read the vae in {source.folder}: {reason}", HINT) from error
    vae.encoder = vae.encoder.conv
    return vae


def _load(kind: Any, source: Source, piece: str) -> Any:
    options = {
        "use_safetensors": True,
        "local_files_only": True,
        "output_loading_info": True,
        "variant": source.variant(piece),
    }
    try:
        model, report = kind.from_pretrained(source.folder / piece, torch_dtype=torch.float32, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise AudioToImageError(f"cannot read the {piece} in {source.folder}: {reason}", HINT) from error
    missing = sorted(name for name in report["missing_keys"] if not name.endswith("position_ids"))
    if missing or report["mismatched_keys"]:
        names = missing or sorted(key[0] for key in report["mismatched_keys"])
        raise AudioToImageError(f"the {piece} in {source.folder} lacks {len(names)} weights, {names[0]} for one", HINT)
    return model


def _rewrite(module: nn.Module, for_onnx: bool) -> None:
    """Replace diffusers' attention and gates by our own."""
    parents: list[Any] = list(module.modules())
    for parent in parents:
        if hasattr(parent, "set_processor"):
            _check_attention(parent)
            parent.set_processor(Processor(fused=for_onnx))
        for name, child in list(parent.named_children()):
            if type(child).__name__ == "GEGLU":
                setattr(parent, name, Gate(child))


def _check_attention(layer: Any) -> None:
    """Raise for kinds of attention that our processor does not support; Stable Diffusion has none of them."""
    unknown = [
        name for name in ("norm_cross", "norm_q", "norm_k", "add_k_proj", "spatial_norm") if getattr(layer, name, None)
    ]
    if unknown:
        raise AudioToImageError(
            f"cannot convert attention with {', '.join(unknown)}", "convert a Stable Diffusion 1.x, 2.x or Turbo model"
        )


class TextEncoder(nn.Module):
    """Tokens to embeddings; the causal mask is a constant because the length never changes."""

    mask: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        tokens = model.config.max_position_embeddings
        self.register_buffer("mask", torch.full((1, 1, tokens, tokens), MASKED).triu(1), persistent=False)

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        ids = input_ids.to(torch.int32)
        hidden = self.model.embeddings(ids)
        hidden = self.model.encoder(inputs_embeds=hidden, attention_mask=self.mask).last_hidden_state
        hidden = self.model.final_layer_norm(hidden)
        end = self.model.config.eos_token_id
        last = (ids if end == LEGACY_EOT else (ids == end).to(torch.int32)).argmax(dim=1)
        return hidden, hidden[0].index_select(0, last)


class Unet(nn.Module):
    """One call of the UNet; the text embeddings have their width second, as in Apple's models."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor) -> Tensor:
        words = encoder_hidden_states.squeeze(2).transpose(1, 2)
        noise: Tensor = self.model(sample, timestep, words, return_dict=False)[0]
        return noise


class Decoder(nn.Module):
    """Latents to a picture in -1..1."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.before = vae.post_quant_conv if vae.post_quant_conv is not None else nn.Identity()
        self.decoder = vae.decoder

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.decoder(self.before(z))
        return image


class Encoder(nn.Module):
    """A picture in -1..1 to the mean and the log variance of its latents."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.encoder = vae.encoder
        self.after = vae.quant_conv if vae.quant_conv is not None else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        latent: Tensor = self.after(self.encoder(x))
        return latent


class SafetyChecker(nn.Module):
    """Blank a picture that comes too close to one of the concepts that the checker lists."""

    ROUNDING = 5e-4  # diffusers rounds scores to three places before it asks whether they are above zero

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, clip_input: Tensor, images: Tensor, adjustment: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen = self.model.visual_projection(self.model.vision_model(clip_input)[1])
        special = _cosine(seen, self.model.special_care_embeds) - self.model.special_care_embeds_weights + adjustment
        careful = (special > self.ROUNDING).any(dim=1, keepdim=True).float() * 0.01
        scores = _cosine(seen, self.model.concept_embeds) - self.model.concept_embeds_weights + careful + adjustment
        flagged = (scores > self.ROUNDING).any(dim=1).float()
        return images * (1.0 - flagged[:, None, None, None]), flagged, scores


def _cosine(one: Tensor, many: Tensor) -> Tensor:
    return nn.functional.normalize(one) @ nn.functional.normalize(many).T


def _text_encoder(source: Source) -> Graph:
    from transformers import CLIPTextModel

    model = _load(CLIPTextModel, source, "text_encoder")
    model.set_attn_implementation("eager")
    tokens = torch.zeros(1, model.config.max_position_embeddings, dtype=torch.int32)
    outputs = ("last_hidden_state", "pooled_outputs")
    return Graph(name="text_encoder", module=TextEncoder(model), inputs={"input_ids": tokens}, outputs=outputs)


def _unet(source: Source) -> Graph:
    from diffusers import UNet2DConditionModel

    model = _load(UNet2DConditionModel, source, "unet")
    text = source.configs["text_encoder"]
    inputs = {
        "sample": latents(source).expand(2, -1, -1, -1),
        "timestep": torch.full((2,), 500.0),
        "encoder_hidden_states": torch.zeros(2, text["hidden_size"], 1, text["max_position_embeddings"]),
    }
    return Graph(name="unet", module=Unet(model), inputs=inputs, outputs=("noise_pred",), batched=True)


def _vae_decoder(source: Source) -> Graph:
    inputs = {"z": latents(source)}
    return Graph(name="vae_decoder", module=Decoder(autoencoder(source)), inputs=inputs, outputs=("image",))


def _vae_encoder(source: Source) -> Graph:
    vae = autoencoder(source)
    side = source.configs["unet"]["sample_size"] * 2 ** (len(vae.config.block_out_channels) - 1)
    inputs = {"x": torch.zeros(1, 3, side, side)}
    return Graph(name="vae_encoder", module=Encoder(vae), inputs=inputs, outputs=("latent",))


def _safety_checker(source: Source) -> Graph:
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

    model = _load(StableDiffusionSafetyChecker, source, "safety_checker")
    side = source.configs["unet"]["sample_size"] * 2 ** (len(source.configs["vae"]["block_out_channels"]) - 1)
    inputs = {
        "clip_input": torch.zeros(1, 3, CLIP_SIZE, CLIP_SIZE),
        "images": torch.zeros(1, side, side, 3),
        "adjustment": torch.zeros(1),
    }
    outputs = ("filtered_images", "has_nsfw_concepts", "concept_scores")
    return Graph(name="safety_checker", module=SafetyChecker(model), inputs=inputs, outputs=outputs)


READERS = {
    "text_encoder": _text_encoder,
    "unet": _unet,
    "vae_decoder": _vae_decoder,
    "vae_encoder": _vae_encoder,
    "safety_checker": _safety_checker,
}
