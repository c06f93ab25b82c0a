"""Read the configurations of a model in diffusers' format, and check that its weights are complete."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from orchestrator.errors import AudioToImageError

HINT = "save the model with diffusers: pipeline.save_pretrained(folder)"
CLASSES = {
    "text_encoder": ("CLIPTextModel",),
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "safety_checker": ("StableDiffusionSafetyChecker",),
}
NEEDED = ("text_encoder", "unet", "vae")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model as diffusers saves it."""

    folder: Path
    configs: dict[str, dict[str, Any]]  # of text_encoder, unet, vae, scheduler
    about: dict[str, Any]  # a model.json beside model_index.json: what cannot be derived
    checked: bool  # it has a safety checker

    @property
    def pieces(self) -> tuple[str, ...]:
        """Return the graphs that this model is converted to."""
        graphs = ("text_encoder", "unet", "vae_decoder", "vae_encoder")
        return (*graphs, "safety_checker") if self.checked else graphs

    def variant(self, piece: str) -> str | None:
        """Return the variant of a piece's weights where only that one was saved."""
        files = list((self.folder / piece).glob("*.safetensors"))
        return "fp16" if all(".fp16" in file.name for file in files) else None


def open_source(folder: Path) -> Source:
    """Read a folder's configurations; raise where files are missing, truncated or of another kind of model."""
    index = _json(folder / "model_index.json", "is not a diffusers model folder")
    checked = _class(index, "safety_checker") is not None
    for piece in (*NEEDED, "safety_checker") if checked else NEEDED:
        if _class(index, piece) not in CLASSES[piece]:
            raise AudioToImageError(
                f"cannot convert {folder}: its {piece} is a {_class(index, piece)}, not a {CLASSES[piece][0]}", HINT
            )
        _check_weights(folder / piece)
    configs = {piece: _json(folder / piece / "config.json") for piece in NEEDED}
    configs["scheduler"] = _json(folder / "scheduler" / "scheduler_config.json")
    _check_shapes(folder, configs)
    about = _json(folder / "model.json") if (folder / "model.json").exists() else {}
    return Source(folder=folder, configs=configs, about=about, checked=checked)


def _json(path: Path, complaint: str = "") -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it is not a JSON object")
    except FileNotFoundError as error:
        message = f"{path.parent} {complaint}: {path.name} is missing" if complaint else f"{path} is missing"
        raise AudioToImageError(message, HINT) from error
    except (OSError, ValueError) as error:
        raise AudioToImageError(f"cannot read {path}: {error}", HINT) from error
    return values


def _class(index: dict[str, Any], piece: str) -> str | None:
    """Return a piece's class; an index holds [library, class] for each, [null, null] for those left out."""
    entry = index.get(piece)
    return entry[1] if isinstance(entry, list) and len(entry) == 2 else None


def _check_weights(folder: Path) -> None:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise AudioToImageError(f"{folder} has no weights (*.safetensors)", HINT)
    for file in files:
        try:
            with safe_open(file, framework="numpy"):
                pass
        except (OSError, SafetensorError) as error:
            raise AudioToImageError(
                f"{file} is truncated or not a safetensors file: {error}", "fetch or save the model again"
            ) from error


def _check_shapes(folder: Path, configs: dict[str, dict[str, Any]]) -> None:
    unet, vae, text = configs["unet"], configs["vae"], configs["text_encoder"]
    pairs = (
        ("the UNet's latent channels", unet.get("in_channels"), vae.get("latent_channels")),
        ("the UNet's output channels", unet.get("out_channels"), vae.get("latent_channels")),
        ("the width of the words", unet.get("cross_attention_dim"), text.get("hidden_size")),
    )
    for what, one, other in pairs:
        if one != other:
            raise AudioToImageError(
                f"cannot convert {folder}: {what} are {one} in one piece and {other} in another", HINT
            )
    extras = [
        name for name in ("addition_embed_type", "class_embed_type", "time_cond_proj_dim") if unet.get(name) is not None
    ]
    if extras or not isinstance(unet.get("sample_size"), int):
        raise AudioToImageError(
            f"cannot convert {folder}: its UNet is not square, or takes more inputs ({', '.join(extras)})",
            "convert a Stable Diffusion 1.x, 2.x or Turbo model",
        )
