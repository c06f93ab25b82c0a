"""Painting with Core ML, with a stand-in for coremltools."""

import gc
import json
import shutil
from pathlib import Path

import coremltools
import numpy as np
import pytest
import tiny
from core_ml import StandIn, StrictModel, compile_from, cut_in_two, write_compiled
from coremltools.converters.mil import Builder
from coremltools.converters.mil.mil import types

from orchestrator.errors import AudioToImageError
from orchestrator.paint import Wish, coreml, open_painter
from orchestrator.runtime import coreml as runtime
from orchestrator.runtime.package import ports


@pytest.fixture(scope="module")
def onnx(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    return tiny.to_onnx(tiny.save("2", place / "diffusers"), place / "onnx")


@pytest.fixture
def stand_in(monkeypatch, isolated):
    standing = StandIn()
    monkeypatch.setattr(runtime, "binding", lambda: standing)
    monkeypatch.setattr(coreml.platform, "machine", lambda: "arm64")
    return standing


def paint(painter, **changes):
    *_, last = painter.paint(Wish(**{"prompt": "a red house", "seed": 3, "steps": 4, **changes}))
    return last.pixels


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_core_ml_paints_the_same_as_onnx_runtime(onnx, stand_in, tmp_path, batch, guidance):
    folder = compile_from(onnx, tmp_path / "core-ml", batch)
    expected = paint(open_painter(onnx, engine="onnx", threads=1), guidance=guidance)
    seen = paint(open_painter(folder, engine="coreml"), guidance=guidance)
    assert np.abs(seen.astype(int) - expected).max() <= 1


def test_core_ml_begins_from_a_picture(onnx, stand_in, tmp_path):
    folder = compile_from(onnx, tmp_path / "core-ml")
    expected = paint(open_painter(onnx, engine="onnx", threads=1), image=tiny.picture())
    assert np.abs(paint(open_painter(folder, engine="coreml"), image=tiny.picture()).astype(int) - expected).max() <= 1


def test_inputs_are_allocated_once_for_the_life_of_the_process(onnx, stand_in, tmp_path):
    folder = compile_from(onnx, tmp_path / "core-ml")
    painter = open_painter(folder, engine="coreml")
    for _ in range(2):
        paint(painter, image=tiny.picture())
        painter.unload()
        gc.collect()
    assert len(stand_in.addresses) == 6
    assert {len(places) for places in stand_in.addresses.values()} == {1}
    assert len(stand_in.loaded) == 8  # each of four models twice: unloading lets the models go


def test_a_unet_in_two_chunks_is_one_unet(onnx, stand_in, tmp_path):
    folder = compile_from(onnx, tmp_path / "core-ml")
    expected = paint(open_painter(folder, engine="coreml"))
    cut_in_two(folder, onnx)
    painter = open_painter(folder, engine="coreml")
    assert (paint(painter) == expected).all()
    assert [name for name, _ in stand_in.loaded[-4:]] == ["TextEncoder", "UnetChunk1", "UnetChunk2", "VAEDecoder"]


@pytest.mark.parametrize(
    ("variant", "machine", "asked", "unet", "text"),
    [
        ("original", "arm64", "auto", "CPU_AND_GPU", "CPU_ONLY"),
        ("split_einsum", "arm64", "auto", "CPU_AND_NE", "CPU_AND_NE"),
        ("split_einsum_v2", "arm64", "auto", "CPU_AND_NE", "CPU_AND_NE"),
        ("split_einsum_v2", "x86_64", "auto", "CPU_AND_GPU", "CPU_ONLY"),
        ("split_einsum_v2", "arm64", "gpu", "CPU_AND_GPU", "CPU_ONLY"),
        ("original", "arm64", "all", "ALL", "CPU_AND_NE"),
        ("original", "arm64", "cpu", "CPU_ONLY", "CPU_ONLY"),
    ],
)
def test_the_compute_unit_follows_variant_and_chip_and_the_text_encoder_avoids_the_gpu(  # noqa: PLR0917 - a table's row
    onnx, stand_in, tmp_path, monkeypatch, variant, machine, asked, unet, text
):
    monkeypatch.setattr(coreml.platform, "machine", lambda: machine)
    folder = compile_from(onnx, tmp_path / "core-ml")
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**description, "variant": variant}))
    painter = open_painter(folder, engine="coreml", compute_unit=asked)
    painter.load()
    assert dict(stand_in.loaded) == {"TextEncoder": text, "Unet": unet}
    names = {"cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "ne": "CPU_AND_NE", "all": "ALL"}
    assert names[painter.facts.compute_unit] == unet


def test_a_folder_of_apples_is_described_by_its_shapes(stand_in, tmp_path):
    folder = tmp_path / "coreml-stable-diffusion-2-1-base-palettized_split_einsum_v2_compiled"
    folder.mkdir()
    shapes = {"sample": [2, 4, 64, 64], "timestep": [2], "encoder_hidden_states": [2, 1024, 1, 77]}
    write_compiled(folder / "Unet.mlmodelc", tmp_path / "none.onnx", shapes)
    painter = open_painter(folder, engine="coreml")
    assert (painter.facts.width, painter.facts.height) == (512, 512)
    assert (painter.facts.model, painter.facts.compute_unit) == ("stable-diffusion-2-base", "ne")
    with pytest.raises(AudioToImageError, match="no encoder"):
        painter.paint(Wish(prompt="a house", image=tiny.picture()))


def package(path: Path) -> Path:
    """Build a real, small Core ML package with Apple's inputs to a unet."""
    shapes = {"sample": (2, 4, 8, 8), "timestep": (2,), "encoder_hidden_states": (2, 32, 1, 77)}

    @Builder.program(
        input_specs=[Builder.TensorSpec(shape=shape, dtype=types.fp16) for shape in shapes.values()],
        opset_version=coremltools.target.macOS13,
    )
    def program(sample, timestep, encoder_hidden_states):
        said = Builder.reduce_mean(x=encoder_hidden_states, axes=[1, 2, 3], keep_dims=True)
        time = Builder.reshape(x=timestep, shape=[2, 1, 1, 1])
        return Builder.add(x=Builder.add(x=sample, y=said), y=time, name="noise_pred")

    model = coremltools.convert(program, minimum_deployment_target=coremltools.target.macOS13, skip_model_load=True)
    model.save(str(path))
    return path


@pytest.mark.filterwarnings("ignore")  # coremltools' own
def test_a_packages_inputs_are_read_from_its_specification(tmp_path):
    read = ports(package(tmp_path / "Unet.mlpackage"))
    assert {name: port.shape for name, port in read.items()} == {
        "sample": (2, 4, 8, 8),
        "timestep": (2,),
        "encoder_hidden_states": (2, 32, 1, 77),
    }
    assert {port.dtype for port in read.values()} == {np.float32}


def test_a_package_is_compiled_once_and_kept_at_one_path(onnx, stand_in, tmp_path, monkeypatch):
    folder = compile_from(onnx, tmp_path / "core-ml")
    (folder / "compiled").mkdir()
    shutil.move(folder / "Unet.mlmodelc", folder / "compiled" / "Unet.mlmodelc")
    (folder / "Unet.mlpackage").mkdir()
    monkeypatch.setattr(
        runtime,
        "ports",
        lambda path: ports(folder / "compiled" / f"{path.stem}.mlmodelc" if path.suffix == ".mlpackage" else path),
    )
    first = paint(open_painter(folder, engine="coreml"))
    assert (paint(open_painter(folder, engine="coreml")) == first).all()
    assert stand_in.compiled == [folder / "Unet.mlpackage"]
    places = {path for path, _ in stand_in.addresses if Path(path).stem == "Unet"}
    assert len(places) == 1
    assert not Path(places.pop()).is_relative_to(folder)


@pytest.mark.parametrize(
    ("piece", "damage", "word"),
    [
        ("Unet.mlmodelc", "empty", "not a Core ML model"),
        ("Unet.mlmodelc", "[]", "not a Core ML model"),
        ("Unet.mlmodelc", "{", "not a Core ML model"),
        ("VAEDecoder.mlmodelc", "missing", "no vae_decoder"),
        ("TextEncoder.mlmodelc", "missing", "no text_encoder"),
    ],
)
def test_a_damaged_folder_is_one_line_and_a_hint(onnx, stand_in, tmp_path, piece, damage, word):  # noqa: PLR0917
    folder = compile_from(onnx, tmp_path / "core-ml")
    if damage == "missing":
        shutil.rmtree(folder / piece)
    else:
        (folder / piece / "metadata.json").write_text("" if damage == "empty" else damage)
    with pytest.raises(AudioToImageError, match=word) as caught:
        paint(open_painter(folder, engine="coreml"))
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_a_model_of_other_shapes_or_with_more_inputs_is_one_line(onnx, stand_in, tmp_path):
    folder = compile_from(onnx, tmp_path / "core-ml")
    metadata = folder / "Unet.mlmodelc" / "metadata.json"
    whole = metadata.read_text()
    metadata.write_text(whole.replace("[2, 4, 8, 8]", "[2, 4, 9, 9]"))
    with pytest.raises(AudioToImageError, match=r"takes sample as \(2, 4, 9, 9\), not \(2, 4, 8, 8\)"):
        paint(open_painter(folder, engine="coreml"))
    extra = {"name": "timestep_cond", "shape": "[2, 256]", "dataType": "Float16"}
    metadata.write_text(json.dumps([{"inputSchema": [*json.loads(whole)[0]["inputSchema"], extra]}]))
    with pytest.raises(AudioToImageError, match=r"takes .*timestep_cond, not"):
        paint(open_painter(folder, engine="coreml"))


def test_core_ml_errors_become_one_line(onnx, stand_in, tmp_path, monkeypatch):
    folder = compile_from(onnx, tmp_path / "core-ml")
    monkeypatch.setattr(StrictModel, "predict", lambda *_: (_ for _ in ()).throw(RuntimeError("E5RT:\nfailed")))
    with pytest.raises(AudioToImageError, match=r"TextEncoder\.mlmodelc failed: E5RT: failed") as caught:
        paint(open_painter(folder, engine="coreml"))
    assert "compute-unit" in caught.value.hint


def test_without_macos_it_fails_with_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / "Unet.mlpackage").mkdir()
    with pytest.raises(AudioToImageError, match="macOS only") as caught:
        open_painter(tmp_path)
    assert "--engine onnx" in caught.value.hint
