"""Convert a Stable Diffusion folder in diffusers' format to Core ML packages or ONNX graphs that our painters open.

Both formats have the same graphs with the same inputs and outputs, named and shaped as in Apple's Core ML models:

    text_encoder   input_ids (1, tokens)                                      -> last_hidden_state, pooled_outputs
    unet           sample, timestep, encoder_hidden_states (2, width, 1, tokens) -> noise_pred
    vae_decoder    z (1, channels, height, width)                             -> image, in -1..1
    vae_encoder    x, in -1..1                                                -> latent: mean, then log variance
    safety_checker clip_input, images, adjustment -> filtered_images, has_nsfw_concepts, concept_scores

torch, diffusers and transformers are needed only here (the `convert` extra).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from orchestrator import files
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Working

if TYPE_CHECKING:
    from orchestrator.convert.source import Source

FORMATS = {
    "onnx": ("torch", "diffusers", "transformers", "onnx"),
    "coreml": ("torch", "diffusers", "transformers", "coremltools"),
}
PALETTES = (1, 2, 3, 4, 6, 8)  # bits that Core ML can store an index in
PRECISIONS = ("fp16", "fp32")


def convert(
    source: Path, target: Path, *, to: str, palettize: int | None = None, weights: str = "fp16"
) -> Iterator[Working]:
    """Convert a model and yield the work on each piece; the target appears whole at the end, or not at all."""
    _check(target, to, palettize, weights)
    from orchestrator.convert import tokenizer
    from orchestrator.convert.source import open_source

    model = open_source(source)
    tokenizer.check(model)
    count = len(model.pieces) + 1
    with _beside(target) as folder:
        yield Working(what="model.json: describing the model", done=1, total=count)
        _describe(model, target.name, folder)
        yield from _pieces(model, folder, to, palettize, weights)


def _pieces(model: Source, folder: Path, to: str, palettize: int | None, weights: str) -> Iterator[Working]:
    from orchestrator.convert import graphs

    for index, name in enumerate(model.pieces, start=2):
        working = Working(what=f"{name}: reading the weights", done=index, total=len(model.pieces) + 1)
        yield working
        graph = graphs.read(model, name, for_onnx=to == "onnx")
        if to == "onnx":
            from orchestrator.convert import onnx

            actions = onnx.write(graph, folder, weights=weights)
        else:
            from orchestrator.convert import coreml

            actions = coreml.write(graph, folder, bits=palettize)
        for what in actions:
            yield replace(working, what=f"{name}: {what}")


def _describe(model: Source, name: str, folder: Path) -> None:
    from orchestrator.convert import tokenizer
    from orchestrator.convert.describe import describe

    describe(model, name).write(folder)
    tokenizer.write(model, folder)


def _check(target: Path, to: str, palettize: int | None, weights: str) -> None:
    if to not in FORMATS:
        raise Misuse(f"there is no format {to!r} to convert to", f"choose one of: {', '.join(FORMATS)}")
    if palettize is not None and (to != "coreml" or palettize not in PALETTES):
        raise Misuse(
            f"cannot palettize {to} to {palettize} bits", f"--to coreml --palettize {'|'.join(map(str, PALETTES))}"
        )
    if weights not in PRECISIONS:
        raise Misuse(f"there are no {weights!r} weights", f"choose one of: {', '.join(PRECISIONS)}")
    if files.kind(target):
        raise Misuse(f"{target} already exists", f"remove it, or convert to another place: rm -r {quote(str(target))}")
    missing = [name for name in FORMATS[to] if find_spec(name) is None]
    if missing:
        raise AudioToImageError(
            f"converting a model needs {', '.join(missing)}", "pip install 'audio-to-image[convert]'"
        )


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yield a folder beside the target; rename it to the target on success, remove it on failure."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        part.mkdir(parents=True)
        yield part
        part.replace(target)
    except shutil.Error as error:  # several files could not be copied: for each, the source, the target and the reason
        raise AudioToImageError(
            f"cannot write {target}: {error.args[0][0][-1]}", f"df {quote(str(target.parent))}"
        ) from error
    except OSError as error:
        raise files.not_written(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
