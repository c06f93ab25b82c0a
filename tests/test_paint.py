"""Wishes, descriptions and model folders: what is accepted, and what is refused in one line."""

import json
import math
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.choices import ENGINES, MAX_SEED
from orchestrator.diffusion.noise import Betas
from orchestrator.errors import AudioToImageError, Misuse, ModelMissing
from orchestrator.paint import Wish, open_painter
from orchestrator.paint.description import Description
from orchestrator.paint.folder import choose
from orchestrator.paint.known import describe
from orchestrator.runtime import Port, thread_count

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": ""},
        {"prompt": " \n"},
        {"prompt": "a\0b"},
        {"prompt": "half \ud83d"},
        {"prompt": "a" * 10_001},
        {"prompt": "a" * 2**20},
        {"negative": "a" * 10_001},
        {"negative": "\udcff"},
        {"steps": 0},
        {"steps": -3},
        {"steps": 10**9},
        {"guidance": math.nan},
        {"guidance": math.inf},
        {"guidance": -1.0},
        {"strength": 1.5},
        {"strength": math.nan},
        {"count": 0},
        {"count": 10**9},
        {"seed": -1},
        {"seed": MAX_SEED + 1},
        {"seed": MAX_SEED, "count": 2},
        {"sampler": "euler a"},
        {"spacing": "wide"},
        {"image": np.zeros((8, 8), np.uint8)},
        {"image": np.zeros((8, 8, 4), np.uint8)},
        {"image": np.zeros((8, 8, 3), np.float32)},
        {"image": np.zeros((0, 8, 3), np.uint8)},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_an_impossible_wish_is_one_line_and_a_hint(asked):
    with pytest.raises(Misuse) as caught:
        Wish(**{"prompt": "a house", **asked})
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_wishes_are_accepted_up_to_their_limits():
    Wish(prompt="a" * 10_000, steps=1000, guidance=0.0, seed=MAX_SEED, strength=1.0)
    Wish(prompt="a", steps=1, guidance=100.0, seed=MAX_SEED - 9, count=10)


@given(st.text())
def test_any_text_is_a_wish_or_misuse(prompt):
    if "\0" in prompt or not prompt.strip() or any("\ud800" <= each <= "\udfff" for each in prompt):
        with pytest.raises(Misuse):
            Wish(prompt=prompt)
    else:
        assert Wish(prompt=prompt).prompt == prompt


def test_the_package_imports_nothing_heavy():
    code = (
        "import sys, orchestrator.paint as p; print(*{'numpy', 'onnxruntime', 'coremltools', 'PIL'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


DESCRIPTION = Description(name="small", latent_shape=(1, 2, 2), size=(16, 16), text_width=8, words=("a", "café"))


def test_a_description_comes_back_from_its_file(tmp_path):
    whole = Description(**{**vars(DESCRIPTION), "preview": ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5)), "prediction": "v"})
    folder = tmp_path / "model"
    folder.mkdir()
    whole.write(folder)
    assert Description.read(folder) == whole
    assert [path.name for path in folder.iterdir()] == ["model.json"]


def test_a_description_makes_the_schedule_that_its_model_was_trained_with():
    changes = {"beta_schedule": "linear", "zero_terminal_snr": True, "prediction": "v", "steps_offset": 0}
    described = Description(**{**vars(DESCRIPTION), **changes, "train_steps": 500, "beta_start": 0.001})
    wanted = Betas(start=0.001, end=0.012, scaled=False, zero_terminal_snr=True, train_steps=500, steps_offset=0)
    assert described.schedule == wanted


def test_fields_of_a_later_version_are_left_out(tmp_path):
    values = json.loads(DESCRIPTION.write(tmp_path).read_text(encoding="utf-8"))
    (tmp_path / "model.json").write_text(json.dumps({**values, "mood": "blue"}))
    assert Description.read(tmp_path) == DESCRIPTION


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"name": "x"}',
        b'{"name": "x", "latent_shape": [4, 8, 8], "size": [64, 64], "text_width": 8, "prediction": "sample"}',
        b'{"name": "x", "latent_shape": [4, 8, 8], "size": [64, 64], "text_width": 8, "preview": [[0, 0, 0]]}',
        b'{"name": "x", "latent_shape": [4, 8, 8], "size": [64, 64], "text_width": 8, "zero_terminal_snr": true}',
        b'{"name": "x", "latent_shape": "wide", "size": [64, 64], "text_width": 8}',
        b'{"name": "x", "latent_shape": [4, 8, 8], "size": [64, 64], "text_width": 8, "beta_end": "much"}',
        b'{"name": "x", "latent_shape": [4, 8, 8], "size": [64, 64], "text_width": 8, "sampler": "magic"}',
        b'{"name": "x", "latent_shape": [4, 8, 8], "size": [64, 64], "text_width": 8, "steps": 0}',
    ],
)
def test_a_broken_description_is_one_line_and_a_hint(tmp_path, content):
    if content is not None:
        (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(AudioToImageError, match=r"model\.json") as caught:
        Description.read(tmp_path)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def folder_with(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("names", "system", "engine"),
    [
        (["unet.onnx"], "linux", "onnx"),
        (["unet.onnx"], "darwin", "onnx"),
        (["Unet.mlmodelc"], "darwin", "coreml"),
        (["UnetChunk1.mlmodelc"], "darwin", "coreml"),
        (["Unet.mlpackage"], "linux", "coreml"),
        (["Unet.mlpackage", "unet.onnx"], "darwin", "coreml"),
        (["Unet.mlpackage", "unet.onnx"], "linux", "onnx"),
    ],
)
def test_auto_is_a_fixed_rule(tmp_path, monkeypatch, names, system, engine):
    monkeypatch.setattr(sys, "platform", system)
    assert choose(folder_with(tmp_path, *names), "auto") == (engine, tmp_path)


@pytest.mark.parametrize(("system", "engine"), [("darwin", "coreml"), ("linux", "onnx")])
def test_a_model_in_two_forms_keeps_each_in_a_folder_of_its_own(tmp_path, monkeypatch, system, engine):
    monkeypatch.setattr(sys, "platform", system)
    for form, name in (("onnx", "unet.onnx"), ("coreml", "Unet.mlpackage")):
        (tmp_path / form).mkdir()
        (tmp_path / form / name).touch()
    assert choose(tmp_path, "auto") == (engine, tmp_path / engine)
    assert choose(tmp_path, "openvino") == ("openvino", tmp_path / "onnx")


def test_an_engine_that_the_folder_is_not_for_is_refused(tmp_path):
    folder_with(tmp_path, "unet.onnx")
    with pytest.raises(AudioToImageError, match="wants Core ML graphs"):
        choose(tmp_path, "coreml")
    with pytest.raises(Misuse, match="no engine 'magic'"):
        open_painter(tmp_path, engine="magic")
    assert [choose(tmp_path, engine)[0] for engine in ("onnx", "openvino")] == ["onnx", "openvino"]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_is_a_module_that_opens_a_painter(engine):
    assert callable(import_module(f"orchestrator.paint.{engine}").painter)


def test_a_folder_that_is_no_model_is_a_missing_model(tmp_path):
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ModelMissing) as caught:
            open_painter(folder)
        assert caught.value.hint


@pytest.mark.parametrize(
    "asked", [{"compute_unit": "tpu"}, {"threads": -1}, {"threads": 9999}, {"batch": 0}, {"batch": 65}]
)
def test_units_threads_and_batches_out_of_range_are_misuse(tmp_path, asked):
    with pytest.raises(Misuse):
        open_painter(folder_with(tmp_path, "unet.onnx"), **asked)


def test_threads_are_never_more_than_there_are_cores(monkeypatch):
    monkeypatch.setattr("orchestrator.runtime.available_cores", lambda: 3)
    assert [thread_count(asked) for asked in (None, 0, 1, 3, 64)] == [3, 3, 1, 3, 3]


@pytest.mark.parametrize(
    ("path", "sample", "context", "name", "prediction", "padding", "size", "variant"),
    [
        (
            "v1-5_split_einsum",
            (2, 4, 64, 64),
            (2, 768, 1, 77),
            "stable-diffusion-1",
            "epsilon",
            49407,
            512,
            "split_einsum",
        ),
        ("2-base/original", (2, 4, 64, 64), (2, 1024, 1, 77), "stable-diffusion-2-base", "epsilon", 0, 512, "original"),
        ("2/split_einsum_v2", (2, 4, 96, 96), (2, 1024, 1, 77), "stable-diffusion-2", "v", 0, 768, "split_einsum_v2"),
        ("sd-turbo/any", (1, 4, 64, 64), (1, 1024, 1, 77), "sd-turbo", "epsilon", 0, 512, "original"),
    ],
)
def test_apples_folders_are_known_by_the_shapes_of_their_unet(  # noqa: PLR0917 - a row of the table
    path, sample, context, name, prediction, padding, size, variant
):
    known = describe(Path(path), Port(shape=sample, dtype=np.float32), Port(shape=context, dtype=np.float32))
    assert (known.name, known.prediction, known.token_padding) == (name, prediction, padding)
    assert (known.size, known.variant) == ((size, size), variant)
    assert known.latent_shape == sample[1:]


@pytest.mark.parametrize(
    ("sample", "context"), [((2, 16, 64, 64), (2, 1024, 1, 77)), ((2, 4, 64, 64), (2, 2048, 1, 77)), ((2,), (2,))]
)
def test_a_unet_of_another_kind_is_not_guessed_at(sample, context):
    with pytest.raises(AudioToImageError, match="not of a known Stable Diffusion"):
        describe(Path("x"), Port(shape=sample, dtype=np.float32), Port(shape=context, dtype=np.float32))
