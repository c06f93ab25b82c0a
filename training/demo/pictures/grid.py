"""Paint the README's sixteen prompts with a converted model, and write them into one PNG, four by four.

The seed of a picture is its place in PROMPTS.

    python -m training.demo.pictures.grid models/demo/pictures/onnx docs/grid.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from training.demo.pictures.evaluate import paint_with_program

PROMPTS = (
    "a red sailboat on the sea at sunset",
    "a blue house on green hills at noon",
    "an orange tree in the desert at sunrise",
    "a pink hot air balloon in the mountains at noon",
    "a white lighthouse by the sea at night",
    "a purple castle in the forest at sunset",
    "a red rocket in the desert at night",
    "a yellow car in the snow at noon",
    "a green sailboat on the water at sunrise",
    "a black house in the snow at night",
    "a pink tree on green hills at noon",
    "a yellow hot air balloon on the sea at sunset",
    "a big red castle in the snow at sunrise with falling snow",
    "a white rocket in the mountains at noon with clouds",
    "a blue car in the forest at noon",
    "a red lighthouse in the mountains in the rain at noon",
)
SIDE, GAP = 256, 8


def grid(folder: Path) -> Image.Image:
    """Paint the prompts into one image."""
    side = 4 * SIDE + 5 * GAP
    page = Image.new("RGB", (side, side), "white")
    for place, picture in enumerate(paint_with_program(folder, PROMPTS)):
        small = Image.fromarray(np.asarray(picture)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        row, column = divmod(place, 4)
        page.paste(small, (GAP + column * (SIDE + GAP), GAP + row * (SIDE + GAP)))
    return page


def main() -> None:
    """Write the grid from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    part = arguments.output.with_suffix(".part.png")
    grid(arguments.folder).save(part, optimize=True)
    part.rename(arguments.output)


if __name__ == "__main__":
    main()
