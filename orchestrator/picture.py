"""Picture files with a recipe inside, and pixels read from any picture file.

In a PNG, the recipe is stored in two text chunks (PNG specification, 11.3.4): as JSON, and as `parameters`, the form
that other picture tools read. In a JPEG or a lossless WebP it is stored as JSON in the Exif tag UserComment.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import IO, TYPE_CHECKING, Any

from orchestrator import files
from orchestrator.errors import Misuse
from orchestrator.recipe import MAX_BYTES, NotARecipe, Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEYWORD = "audio-to-image"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COMPRESSION = 3  # zlib's usual 6 makes 9 % smaller files in five times the time
MAX_CHUNKS = 100_000
MAX_PIXELS = 64_000_000
FORMATS_HINT = "give a PNG, JPEG or WebP file"
# What Pillow's decoders raise on broken files.
BROKEN = (OSError, ValueError, TypeError, SyntaxError, EOFError, IndexError, KeyError, struct.error, zlib.error)
READABLE = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # formats that Pillow decodes without starting a program
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}  # that are written, by suffix
SAVED: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
}
EXIF_FOLDER, USER_COMMENT = 0x8769, 0x9286  # Exif 2.32: the private tags, and in them a text after 8 bytes of encoding
ASCII = b"ASCII\0\0\0"
MAX_JPEG_EXIF = 65_533  # bytes: the length of a JPEG segment has 16 bits
SAMPLER_NAMES = {
    "dpm++2m": "DPM++ 2M",
    "pndm": "PLMS",
    "euler": "Euler",
    "euler-a": "Euler a",
    "ddim": "DDIM",
    "lcm": "LCM",
}


def write_png(path: Path, pixels: NDArray[np.uint8], recipe: Recipe, *, staging: Path | None = None) -> Recipe:
    """Write a picture with its recipe in it; return the recipe with the pixels' digest."""
    recipe = replace(recipe, pixels=pixels_digest(pixels))
    files.write_whole(path, to_png(pixels, recipe), staging=staging)
    return recipe


def to_png(pixels: NDArray[np.uint8], recipe: Recipe | None) -> bytes:
    """Encode a picture, with its recipe unless that is None."""
    from PIL import Image, PngImagePlugin

    chunks = PngImagePlugin.PngInfo()
    if recipe:
        chunks.add_itxt(KEYWORD, recipe.to_json())
        chunks.add_text("parameters", parameters(recipe))
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG", pnginfo=chunks, compress_level=COMPRESSION)
    return encoded.getvalue()


def encode(pixels: NDArray[np.uint8], recipe: Recipe | None, suffix: str) -> bytes:
    """Encode a picture in the format of a file's suffix, with its recipe unless that is None."""
    from PIL import Image

    form = FORMATS[suffix.lower()]
    if form == "PNG":
        return to_png(pixels, recipe)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, form, exif=_exif(recipe) if recipe else b"", **SAVED[form])
    return encoded.getvalue()


def fits(recipe: Recipe, suffix: str) -> bool:
    """Return whether a format can hold a recipe as long as this one."""
    return FORMATS[suffix.lower()] != "JPEG" or len(_exif(recipe)) <= MAX_JPEG_EXIF


def _exif(recipe: Recipe) -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[EXIF_FOLDER] = {USER_COMMENT: ASCII + json.dumps(json.loads(recipe.to_json())).encode()}
    return exif.tobytes()


def parameters(recipe: Recipe) -> str:
    """Write a recipe in the three lines that other picture tools write and read."""
    settings: dict[str, object] = {
        "Steps": recipe.steps,
        "Sampler": SAMPLER_NAMES.get(recipe.sampler, recipe.sampler),
        "Schedule type": "Karras" if recipe.spacing == "karras" else "",
        "CFG scale": f"{recipe.guidance:g}",
        "Seed": recipe.seed,
        "Size": f"{recipe.width}x{recipe.height}",
        "Model hash": recipe.model_digest[:10],
        "Model": recipe.model,
        "Denoising strength": "" if recipe.strength is None else f"{recipe.strength:g}",
        "Version": KEYWORD,
    }
    last = ", ".join(f"{name}: {_quoted(str(value))}" for name, value in settings.items() if value != "")
    negative = f"\nNegative prompt: {recipe.negative}" if recipe.negative else ""
    return f"{recipe.prompt}{negative}\n{last}"


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ',:\n"') else value


def read_recipe(path: Path) -> Recipe | None:
    """Read a picture's recipe from a PNG, JPEG or WebP file; return None for any file without one."""
    return read_png(path) or _read_exif(path)


def _read_exif(path: Path) -> Recipe | None:
    from PIL import Image

    if not path.is_file():
        return None
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=("JPEG", "WEBP")) as image:
            comment = image.getexif().get_ifd(EXIF_FOLDER).get(USER_COMMENT)
        return Recipe.from_json(comment.removeprefix(ASCII).decode()) if isinstance(comment, bytes) else None
    except (*BROKEN, Image.DecompressionBombError, NotARecipe):
        return None


def read_png(path: Path) -> Recipe | None:
    """Read a picture's recipe; return None for any file without one."""
    if not path.is_file():  # reading a pipe would block
        return None
    try:
        with path.open("rb") as file:
            text = next((_text(kind, body) for kind, body in _chunks(file) if _keyword(body) == KEYWORD.encode()), None)
    except OSError as error:
        raise Misuse(f"cannot read {path}: {error.strerror or error}", f"ls -l {quote(str(path))}") from error
    try:
        return None if text is None else Recipe.from_json(text)
    except NotARecipe:
        return None


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the undamaged text chunks of a PNG, seeking over everything else."""
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length, kind = struct.unpack(">I4s", head)
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or length > 2 * MAX_BYTES:
            file.seek(length + 4, os.SEEK_CUR)
            continue
        body, check = file.read(length), file.read(4)
        if check == struct.pack(">I", zlib.crc32(kind + body)):
            yield kind, body


def _keyword(body: bytes) -> bytes:
    return body.partition(b"\0")[0]


def _text(kind: bytes, body: bytes) -> str | None:
    rest = body.partition(b"\0")[2]
    packed, encoding = kind == b"zTXt", "latin-1"
    if packed:
        rest = rest[1:]
    if kind == b"iTXt":
        packed, encoding = rest[:1] == b"\1", "utf-8"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    try:
        return (_unpacked(rest) if packed else rest).decode(encoding)
    except (zlib.error, UnicodeDecodeError):
        return None


def _unpacked(packed: bytes) -> bytes:
    """Inflate at most MAX_BYTES; longer text is cut off and then fails to parse as JSON."""
    return zlib.decompressobj().decompress(packed, MAX_BYTES)


def read_pixels(path: Path, most: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a picture file as height, width, RGB, rotated upright; raise Misuse for other files and for bombs."""
    from PIL import Image, UnidentifiedImageError

    # A decompression bomb is a warning or an error, by its size.
    bomb = (Image.DecompressionBombWarning, Image.DecompressionBombError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pictures that are merely odd
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _upright(path, most)
    except bomb as error:
        raise Misuse(f"{path} has too many pixels; the limit is {most:,}", "make it smaller first") from error
    except UnidentifiedImageError as error:
        raise Misuse(f"{path} is not a picture that can be read", FORMATS_HINT) from error
    except BROKEN as error:
        raise Misuse(f"{path} is not a picture that can be read: {error}", FORMATS_HINT) from error


def _upright(path: Path, most: int) -> NDArray[np.uint8]:
    import numpy
    from PIL import Image, ImageOps

    with Image.open(path, formats=READABLE) as image:
        if image.width * image.height > most:
            raise Misuse(
                f"{path} has {image.width}x{image.height} pixels; the limit is {most:,}", "make it smaller first"
            )
        return numpy.asarray(ImageOps.exif_transpose(image).convert("RGB"), dtype=numpy.uint8)


def pixels_digest(pixels: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of a picture's rows of RGB."""
    return hashlib.sha256(pixels.tobytes()).hexdigest()
