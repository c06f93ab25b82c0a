"""The same ONNX graphs in ONNX Runtime and in OpenVINO: pictures, threads, memory, and broken graph files."""

import gc
import shutil
from typing import Any, cast

import numpy as np
import psutil
import pytest
import tiny

from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.paint import Wish, open_painter
from orchestrator.paint.latent import LatentPainter

ENGINES = ("onnx", "openvino")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    return tiny.to_onnx(tiny.save("2", place / "diffusers"), place / "onnx")


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "model")


def paint(painter, **changes):
    *_, last = painter.paint(Wish(**{"prompt": "a red house", "seed": 3, "steps": 4, **changes}))
    return last.pixels


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_wish_gives_the_same_pixels_also_in_a_new_painter(folder, engine):
    first, second = (open_painter(folder, engine=engine, threads=1) for _ in range(2))
    pixels = paint(first)
    assert (paint(first) == pixels).all()
    assert (paint(second) == pixels).all()
    assert (paint(first, seed=4) != pixels).any()


def test_both_runtimes_paint_the_same_picture(folder):
    ours, other = (paint(open_painter(folder, engine=engine, threads=1)).astype(int) for engine in ENGINES)
    assert np.abs(ours - other).max() <= 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_painters_facts_name_its_engine_and_versions(folder, engine):
    facts = open_painter(folder, engine=engine, threads=1).facts
    assert (facts.engine, facts.model, facts.compute_unit, facts.threads) == (engine, "onnx", "cpu", 1)
    assert {"onnx": "onnxruntime"}.get(engine, engine) in facts.versions
    assert (facts.width, facts.height) == (64, 64)


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_are_as_asked_but_no_more_than_cores(folder, engine, monkeypatch):
    monkeypatch.setattr("orchestrator.runtime.available_cores", lambda: 2)
    assert open_painter(folder, engine=engine, threads=99).facts.threads == 2
    assert open_painter(folder, engine=engine).facts.threads == 2


def test_a_session_is_given_its_threads(folder):
    painter = open_painter(folder, engine="onnx", threads=1)
    assert isinstance(painter, LatentPainter)
    painter.load()
    options = cast(Any, painter._graphs["unet"])._session.get_session_options()
    assert options.intra_op_num_threads == 1


def test_unloading_gives_the_memory_back(folder):
    painter = open_painter(folder, engine="onnx", threads=1)
    process, sizes = psutil.Process(), []
    for _ in range(6):
        paint(painter, steps=1)
        painter.unload()
        gc.collect()
        sizes.append(process.memory_info().rss)
    assert max(sizes[2:]) - sizes[1] < 8 * 2**20, sizes  # the model takes 6 MiB of weights, each time it is loaded


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("content", [b"", b"abc", b"\x08", "half"], ids=["empty", "foreign", "byte", "truncated"])
@pytest.mark.parametrize("piece", ["text_encoder", "unet", "vae_decoder"])
def test_a_file_that_is_no_graph_is_one_line_and_a_hint(copy, engine, content, piece):
    path = copy / f"{piece}.onnx"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content == "half" else content)
    with pytest.raises(AudioToImageError, match=f"{piece}.onnx") as caught:
        paint(open_painter(copy, engine=engine, threads=1), steps=1)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("missing", ["text_encoder.onnx", "vae_decoder.onnx", "vocab.json", "merges.txt", "model.json"])
def test_a_piece_that_is_missing_is_named(copy, missing):
    (copy / missing).unlink()
    with pytest.raises(AudioToImageError, match=missing):
        paint(open_painter(copy, engine="onnx", threads=1), steps=1)


def test_a_graph_in_the_place_of_another_is_named(copy):
    shutil.copyfile(copy / "vae_decoder.onnx", copy / "unet.onnx")
    with pytest.raises(AudioToImageError, match=r"unet in .* is something else: it takes z"):
        paint(open_painter(copy, engine="onnx", threads=1), steps=1)


def test_a_graph_for_other_latents_is_one_line(copy):
    description = (copy / "model.json").read_text()
    (copy / "model.json").write_text(description.replace('"text_width"', '"latent_shape": [4, 4, 4], "text_width"'))
    with pytest.raises(AudioToImageError, match=r"unet\.onnx failed") as caught:
        paint(open_painter(copy, engine="onnx", threads=1), steps=1)
    assert "\n" not in str(caught.value)


def test_a_compute_unit_that_is_not_here_is_misuse(folder, monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(Misuse, match="CUDA"):
        open_painter(folder, engine="onnx", compute_unit="gpu")
    with pytest.raises(Misuse, match="GPU"):
        open_painter(folder, engine="openvino", compute_unit="gpu")


@pytest.mark.parametrize(
    ("present", "system", "asked", "expected"),
    [
        (["CPU"], "linux", "auto", ["CPU"]),
        (["CUDA", "CPU"], "linux", "auto", ["CUDA", "CPU"]),
        (["CUDA", "CPU"], "linux", "cpu", ["CPU"]),
        (["CoreML", "CPU"], "darwin", "auto", ["CPU"]),
        (["CoreML", "CPU"], "darwin", "gpu", ["CoreML", "CPU"]),
        (["CoreML", "CPU"], "darwin", "ne", ["CoreML", "CPU"]),
    ],
)
def test_providers_are_chosen_from_those_present(monkeypatch, present, system, asked, expected):
    from orchestrator.runtime.onnx import _providers

    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [f"{name}ExecutionProvider" for name in present])
    assert _providers(asked) == [f"{name}ExecutionProvider" for name in expected]


def test_without_openvino_the_hint_says_how_to_get_it(folder, monkeypatch):
    monkeypatch.setattr("orchestrator.runtime.openvino.find_spec", lambda _: None)
    with pytest.raises(AudioToImageError) as caught:
        open_painter(folder, engine="openvino")
    assert "pip install" in caught.value.hint
