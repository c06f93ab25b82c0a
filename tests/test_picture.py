from __future__ import annotations

import contextlib
import os
import struct
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from test_recipe import FULL, PLAIN

from orchestrator import picture as png
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.recipe import MAX_BYTES, Recipe

pytestmark = pytest.mark.quick

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(path: Path, kind: bytes, body: bytes) -> Path:
    head = png.to_png(PIXELS, None)
    path.write_bytes(head[:33] + chunk(kind, body) + head[33:])  # after the signature and IHDR
    return path


@pytest.mark.parametrize("recipe", [PLAIN, FULL, replace(PLAIN, prompt="日本の猫 🐱", transcript="é\n\t\u202e")])
def test_a_picture_carries_its_recipe_and_its_pixels(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "picture.png"
    written = png.write_png(path, PIXELS, recipe)
    assert png.read_png(path) == written == replace(recipe, pixels=png.pixels_digest(PIXELS))
    assert (png.read_pixels(path) == PIXELS).all()
    assert {each.name for each in tmp_path.iterdir()} == {"home", "picture.png"}


def test_other_tools_read_the_parameters(tmp_path: Path) -> None:
    recipe = replace(PLAIN, negative="fog", spacing="karras", model="sd-2.1, base", model_digest="0123456789abcdef")
    png.write_png(tmp_path / "picture.png", PIXELS, recipe)
    with Image.open(tmp_path / "picture.png") as image:
        assert image.info["parameters"].splitlines() == [
            "a red house by the sea",
            "Negative prompt: fog",
            "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 7, Size: 512x512, "
            'Model hash: 0123456789, Model: "sd-2.1, base", Version: audio-to-image',
        ]


def test_a_bare_picture_has_no_recipe(tmp_path: Path) -> None:
    path = tmp_path / "bare.png"
    path.write_bytes(png.to_png(PIXELS, None))
    with Image.open(path) as image:
        assert image.info == {}
    assert png.read_png(path) is None


@pytest.mark.parametrize("add", ["add_text", "add_itxt"])
@pytest.mark.parametrize("zip_", [True, False])
def test_a_recipe_survives_tools_that_repack_text(tmp_path: Path, add: str, zip_: bool) -> None:
    info = PngImagePlugin.PngInfo()
    getattr(info, add)(png.KEYWORD, FULL.to_json(), zip=zip_)
    Image.fromarray(PIXELS).save(tmp_path / "repacked.png", pnginfo=info)
    assert png.read_png(tmp_path / "repacked.png") == FULL


def test_a_recipe_is_found_after_the_pixels(tmp_path: Path) -> None:
    plain = png.to_png(PIXELS, None)
    late = chunk(b"iTXt", png.KEYWORD.encode() + b"\0\0\0\0\0" + FULL.to_json().encode())
    path = tmp_path / "late.png"
    path.write_bytes(plain[:-12] + late + plain[-12:])
    assert png.read_png(path) == FULL


def test_a_chunk_that_inflates_too_far_is_not_a_recipe(tmp_path: Path) -> None:
    swollen = FULL.to_json().encode() + b" " * (25 * MAX_BYTES)
    path = with_chunk(tmp_path / "bomb.png", b"zTXt", png.KEYWORD.encode() + b"\0\0" + zlib.compress(swollen))
    tracemalloc.start()
    read = png.read_png(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read in (None, FULL)
    assert peak < 5 * MAX_BYTES


@pytest.mark.parametrize("body", [b"\0\0not deflated", b"\0\0", b"\0", b""])
def test_a_broken_chunk_is_not_a_recipe(tmp_path: Path, body: bytes) -> None:
    assert png.read_png(with_chunk(tmp_path / "broken.png", b"zTXt", png.KEYWORD.encode() + body)) is None


def test_a_changed_chunk_is_not_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    png.write_png(path, PIXELS, PLAIN)
    path.write_bytes(path.read_bytes().replace(b"red house", b"big house", 1))
    assert png.read_png(path) is None


def test_a_chunk_that_claims_gigabytes_is_not_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "claims.png"
    path.write_bytes(png.SIGNATURE + struct.pack(">I", 2**31 - 1) + b"iTXt" + b"audio-to-image\0")
    assert png.read_png(path) is None


def test_an_unreadable_picture_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert png.read_png(tmp_path / "pipe.png") is None
    assert png.read_png(tmp_path / "nothing.png") is None
    for path in (tmp_path, tmp_path / "nothing.png"):
        with pytest.raises(Misuse, match="is not a picture"):
            png.read_pixels(path)


def test_a_picture_of_a_billion_pixels_is_refused(tmp_path: Path) -> None:
    for side in (9_000, 40_000):  # past our bound, past Pillow's
        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        path = tmp_path / f"{side}.png"
        path.write_bytes(
            png.SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        )
        with pytest.raises(Misuse, match="the limit is 64,000,000"):
            png.read_pixels(path)


def test_a_photograph_is_rotated_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    Image.fromarray(PIXELS).save(tmp_path / "photo.jpg", exif=exif)
    assert png.read_pixels(tmp_path / "photo.jpg").shape == (32, 24, 3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.binary(max_size=40), st.integers(0, 400), st.integers(0, 40))
def test_no_damage_makes_more_than_one_clear_error(tmp_path: Path, noise: bytes, start: int, length: int) -> None:
    sound = png.to_png(PIXELS[:4, :4], PLAIN)
    path = tmp_path / "damaged.png"
    path.write_bytes(sound[:start] + noise + sound[start + length :])
    assert png.read_png(path) in (None, PLAIN)
    with contextlib.suppress(AudioToImageError):
        png.read_pixels(path)
