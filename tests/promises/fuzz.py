"""Fuzz everything that parses foreign bytes: no exception other than an AudioToImageError is allowed.

    python tests/promises/fuzz.py png --cases 1000000

A case that raises another exception is printed, and the exit status is not 0.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["orchestrator"]):
    from orchestrator import catalogue, settings
    from orchestrator import picture as png
    from orchestrator.catalogue import seen
    from orchestrator.clean import clean, clean_bytes
    from orchestrator.errors import AudioToImageError
    from orchestrator.fetch import bundle
    from orchestrator.hear.speech import ggml
    from orchestrator.paint.description import Description
    from orchestrator.recipe import Recipe
    from orchestrator.refine import refine
    from orchestrator.terminal.keys import Reader

import numpy as np
from PIL import Image

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
RECIPE = Recipe(
    prompt="a red house", seed=7, steps=20, guidance=7.5, sampler="dpm++2m", spacing="leading", width=5, height=6,
    model="demo", engine="onnx", compute_unit="cpu", id="01abcdefgh", made="2026-01-01T00:00:00+00:00",
)  # fmt: skip
MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None  # noqa: S108 - only a temporary folder is made in it
RECORD = seen.Seen(
    name="base.en", repository="harbour/boat", commit="1" * 40, licence="mit", fetched=(),
    files=(seen.File(path="model.bin", size=3, sha256=hashlib.sha256(b"abc").hexdigest()),),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Target:
    """A parser to fuzz, and inputs to start from."""

    read: Callable[[bytes, Path], object]  # with a folder to work in
    seeds: tuple[bytes, ...]
    longest: int = 1024  # bytes


def clean_text(data: bytes, _folder: Path) -> None:
    words = clean_bytes(data)
    assert words == b"" or (words.endswith(b"\n") and words.count(b"\n") == 1)
    prompt = clean(data.decode(errors="replace")).prompt
    assert clean(prompt).prompt == prompt, "cleaned twice is not cleaned once"


def refine_prompt(data: bytes, _folder: Path) -> None:
    sentence, _, prompt = data.decode(errors="replace").partition("\n")
    refine(sentence, prompt)


def read_keys(data: bytes, _folder: Path) -> None:
    reader = Reader()
    for start in range(0, len(data), 3):
        list(reader.read(data[start : start + 3]))


def in_file(read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """Adapt a parser of files to bytes."""

    def from_file(data: bytes, folder: Path) -> None:
        path = folder / "file"
        path.write_bytes(data)
        read(path)

    return from_file


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def read_png(data: bytes, folder: Path) -> None:
    """Parse the data as a PNG file, or as the content of a text chunk with a correct checksum, compressed or not."""
    path = folder / "picture.png"
    kind, body = data[:1], data[1:]
    if kind in (b"t", b"z", b"i", b"j"):
        packed = b"\0" + zlib.compress(body, 1) if kind == b"z" else body
        flags = {b"i": b"\0\0\0\0", b"j": b"\1\0\0\0"}.get(kind, b"")
        packed = zlib.compress(body, 1) if kind == b"j" else packed
        name = {b"t": b"tEXt", b"z": b"zTXt"}.get(kind, b"iTXt")
        whole = png.SIGNATURE + chunk(name, png.KEYWORD.encode() + b"\0" + flags + packed) + chunk(b"IEND", b"")
        path.write_bytes(whole)
    else:
        path.write_bytes(data)
    found = png.read_png(path)
    if found:
        assert Recipe.from_json(found.to_json()) == found
        png.parameters(found)


def read_settings(data: bytes, folder: Path) -> None:
    """Read the data as the settings file, then as an environment variable."""
    path = settings.settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with suppress(AudioToImageError):
        chosen = settings.load(environment={})
        for kind in catalogue.load().roles:
            with suppress(AudioToImageError):
                catalogue.choose(kind, chosen)
    name, _, value = data.decode(errors="replace").replace("\0", "").partition("=")
    settings.load(environment={settings.ENVIRONMENT + name.strip().upper(): value})


def read_catalogue(data: bytes, _folder: Path) -> None:
    catalogue.parse(data)


def with_correct_checksums(data: bytes) -> bytes:
    """Correct the checksums of the headers in a tar file, which would stop almost every case."""
    whole = bytearray(data)
    for start in range(0, len(whole) - 511, 512):
        if whole[start + 257 : start + 262] == b"ustar":
            whole[start + 148 : start + 156] = b" " * 8
            whole[start + 148 : start + 156] = b"%06o\0 " % sum(whole[start : start + 512])
    return bytes(whole)


def add_bundle(data: bytes, folder: Path) -> None:
    path = folder / "bundle.tar"
    path.write_bytes(with_correct_checksums(data))
    here = settings.Settings(data=folder / "data")
    shutil.rmtree(here.data, ignore_errors=True)
    for _ in bundle.add(path, catalogue.load(), here):
        pass


def unzip(data: bytes, folder: Path) -> None:
    (folder / "model.zip").write_bytes(data)
    shutil.rmtree(folder / "whole", ignore_errors=True)
    for _ in bundle.unzip(folder, folder / "whole"):
        pass
    assert all(path.is_relative_to(folder / "whole") for path in (folder / "whole").rglob("*"))


def read_description(data: bytes, folder: Path) -> None:
    (folder / "model.json").write_bytes(data)
    Description.read(folder)


def read_record(data: bytes, _folder: Path) -> None:
    with suppress(ValueError):  # which its docstring allows
        seen.Seen.from_json(data.decode(errors="replace"))


def encoded_picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, kind)
    return out.getvalue()


def zip_file(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, b"weights" * 20)
    return out.getvalue()


def bundle_file() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        manifest = json.dumps({"format": 1, "models": [json.loads(RECORD.to_json())]}).encode()
        for name, content in ((bundle.MANIFEST, manifest), ("base.en/model.bin", b"abc")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def speech_model() -> bytes:
    """Return the header of a speech model's file and one tensor."""
    head = struct.pack("<12i", ggml.MAGIC, 51864, 512, 64, 2, 1, 96, 64, 2, 1, 80, 1)
    tokens = struct.pack("<i", 2) + struct.pack("<i", 1) + b" " + struct.pack("<i", 3) + b" an"
    return (
        head
        + struct.pack("<2i", 1, 2)
        + bytes(8)
        + tokens
        + struct.pack("<3i", 1, 1, 0)
        + struct.pack("<i", 1)
        + b"n"
        + bytes(4)
    )


TEXT = (RECIPE.to_json().encode(),)
TOML = tuple(f"{name} = {value}".encode() for name, value in (
    ("seed", "7"), ("steps", "1e9"), ("guidance", "inf"), ("output", '"~/x"'), ("data", '"~me"'), ("model", '"~x/y"'),
    ("translate", "true"), ("language", '"en"'), ("seconds", "[[[1]]]"), ("keep_audio", "{a.b = 1}"),
    ("count", "inf"), ("steps", "9" * 5000), ("output", '"\\u0000"'), ("initial_prompt", "[" * 1000),
))  # fmt: skip
CATALOGUE = settings.shipped_models() / "catalogue.toml"
DESCRIPTION = settings.demo_models() / "pictures" / "onnx" / "model.json"
TARGETS = {
    "clean": Target(read=clean_text, seeds=("[MUSIC] a *sighs* (x) ♪ - >> “”<|en|>、【笑】".encode(),)),
    "refine": Target(read=refine_prompt, seeds=(b"make it night\na red house by the sea", b"now not so big\nno")),
    "keys": Target(read=read_keys, seeds=(b"\x1b[=11u\x1b[55555u\x1b[?11u\x1b[32;1:3u\x1b[A\x1b[3~a\xc3\xa9\x1bOA",)),
    "recipe": Target(read=lambda data, _: Recipe.from_json(data.decode(errors="replace")), seeds=TEXT),
    "png": Target(read=read_png, seeds=(png.to_png(PIXELS, RECIPE), b"t" + TEXT[0], b"z" + TEXT[0], b"j" + TEXT[0])),
    "pixels": Target(read=in_file(png.read_pixels), seeds=tuple(encoded_picture(kind) for kind in png.READABLE)),
    "settings": Target(read=read_settings, seeds=TOML),
    "catalogue": Target(read=read_catalogue, seeds=(CATALOGUE.read_bytes()[:3000],)),
    "records": Target(read=read_record, seeds=(RECORD.to_json().encode(),)),
    "bundles": Target(read=add_bundle, seeds=(bundle_file(),), longest=4096),
    "archives": Target(read=unzip, seeds=(zip_file("a/weights", "b"), zip_file("../x"))),
    "speech models": Target(read=in_file(ggml.check), seeds=(speech_model(),)),
    "descriptions": Target(read=read_description, seeds=(DESCRIPTION.read_bytes(),)),
}  # fmt: skip


@contextmanager
def own_home() -> Iterator[Path]:
    """Make a temporary folder and point the settings and data folders into it."""
    with TemporaryDirectory(dir=MEMORY) as name:
        os.environ |= {"HOME": f"{name}/home", "XDG_CONFIG_HOME": f"{name}/config", "XDG_DATA_HOME": f"{name}/data"}
        (Path(name) / "work").mkdir()
        yield Path(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    target = TARGETS[arguments.target]
    with own_home() as folder:
        for number, seed in enumerate(target.seeds):
            (folder / "seeds" / str(number)).parent.mkdir(exist_ok=True)
            (folder / "seeds" / str(number)).write_bytes(seed)

        def once(data: bytes) -> None:
            with suppress(AudioToImageError):
                target.read(data, folder / "work")

        options = [
            f"-runs={arguments.cases}",
            f"-seed={arguments.seed}",
            f"-max_len={target.longest}",
            "-timeout=10",
            "-rss_limit_mb=4096",
        ]
        atheris.Setup(
            [sys.argv[0], *options, f"-artifact_prefix={folder}/", "-verbosity=0", str(folder / "seeds")], once
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
