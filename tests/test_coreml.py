"""The Core ML adapter beside a stand-in that refuses what the real one refuses and computes with ONNX graphs."""

import enum
import gc
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import coremltools
import numpy as np
import onnxruntime
import pytest
import tiny
from coremltools.converters.mil import Builder
from coremltools.converters.mil.mil import types

from orchestrator.errors import AudioToImageError
from orchestrator.paint import Wish, coreml, open_painter
from orchestrator.runtime import coreml as runtime
from orchestrator.runtime.package import ports

PIECES = {
    "TextEncoder": "text_encoder",
    "Unet": "unet",
    "VAEDecoder": "vae_decoder",
    "VAEEncoder": "vae_encoder",
}
ONNX_TYPES = {"tensor(float)": np.float32, "tensor(int32)": np.int32}
TYPES = {"input_ids": "Float32"}  # Apple's other inputs are in half precision


class ComputeUnit(enum.Enum):
    CPU_ONLY, CPU_AND_GPU, CPU_AND_NE, ALL = range(4)


class StandIn:
    """What `coremltools` offers the adapter."""

    ComputeUnit = ComputeUnit
    __version__ = "9.0"

    def __init__(self) -> None:
        self.loaded: list[tuple[str, str]] = []
        self.compiled: list[Path] = []
        self.addresses: dict[tuple[str, str], set[int]] = {}
        self.models = SimpleNamespace(
            CompiledMLModel=lambda path, compute_units: StrictModel(self, path, compute_units),
            utils=SimpleNamespace(compile_model=self._compile),
        )

    def _compile(self, model: str, destination_path: str) -> str:
        self.compiled.append(Path(model))
        assert model.endswith(".mlpackage")
        assert destination_path.endswith(".mlmodelc")
        shutil.copytree(Path(model).with_name("compiled") / f"{Path(model).stem}.mlmodelc", destination_path)
        return destination_path


class StrictModel:
    """Takes only what Core ML takes from Python: float32 or int32, writeable, contiguous, as declared, in one place."""

    def __init__(self, owner: StandIn, path: str, compute_units: ComputeUnit) -> None:
        assert type(path) is str
        assert path.startswith("/")
        assert path.endswith(".mlmodelc")
        if not Path(path).is_dir():
            raise RuntimeError(f"Error compiling model: no file at {path}\nsecond line")
        owner.loaded.append((Path(path).stem, ComputeUnit(compute_units).name))
        self._owner, self._path = owner, path
        self._inputs = json.loads((Path(path) / "metadata.json").read_text())[0]["inputSchema"]
        self._session = session(Path(path, "graph.onnx"))

    def predict(self, data: dict) -> dict:
        if data.keys() != {declared["name"] for declared in self._inputs}:
            raise RuntimeError(f"Features do not match: {sorted(data)}")
        for declared in self._inputs:
            self._check(declared, data[declared["name"]])
        asked = {each.name: data[each.name] for each in self._session.get_inputs()}
        kinds = {each.name: ONNX_TYPES[each.type] for each in self._session.get_inputs()}
        outputs = self._session.run(None, {name: array.astype(kinds[name]) for name, array in asked.items()})
        return {each.name: out.copy() for each, out in zip(self._session.get_outputs(), outputs, strict=True)}

    def _check(self, declared: dict, array) -> None:
        name = declared["name"]
        if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.int32):
            raise RuntimeError(f"Unsupported array type for {name}")
        if not array.flags.writeable or not array.flags.c_contiguous:
            raise ValueError(f"{name} is not a writeable, contiguous array")
        if list(array.shape) != json.loads(declared["shape"]):
            raise RuntimeError(f"MultiArray shape {array.shape} does not match {declared['shape']}")
        self._owner.addresses.setdefault((self._path, name), set()).add(array.ctypes.data)


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options)


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


def compile_from(onnx: Path, folder: Path, batch: int = 2) -> Path:
    """Lay out a folder as Apple's: compiled models, their metadata, the tokenizer's files."""
    folder.mkdir(parents=True)
    for name, piece in PIECES.items():
        inputs = session(onnx / f"{piece}.onnx").get_inputs()
        shapes = {each.name: [size if isinstance(size, int) else batch for size in each.shape] for each in inputs}
        write_compiled(folder / f"{name}.mlmodelc", onnx / f"{piece}.onnx", shapes)
    for name in ("vocab.json", "merges.txt", "model.json"):
        shutil.copyfile(onnx / name, folder / name)
    return folder


def write_compiled(path: Path, graph: Path, shapes: dict[str, list[int]]) -> None:
    path.mkdir()
    (path / "graph.onnx").symlink_to(graph)
    schema = [
        {"name": name, "shape": str(shape), "dataType": TYPES.get(name, "Float16"), "type": "MultiArray"}
        for name, shape in shapes.items()
    ]
    (path / "metadata.json").write_text(json.dumps([{"inputSchema": schema}]))


def paint(painter, **changes):
    *_, last = painter.paint(Wish(**{"prompt": "a red house", "seed": 3, "steps": 4, **changes}))
    return last.pixels


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_core_ml_paints_what_onnx_runtime_paints(onnx, stand_in, tmp_path, batch, guidance):
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


def cut_in_two(folder: Path, onnx: Path) -> None:
    """Cut the unet where Apple's converter would name a tensor, here right after its first input."""
    import onnx as writer
    from onnx import TensorProto, helper

    whole = folder / "Unet.mlmodelc"
    schema = json.loads((whole / "metadata.json").read_text())[0]["inputSchema"]
    shapes = {declared["name"]: json.loads(declared["shape"]) for declared in schema}
    ins = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    out = helper.make_tensor_value_info("input_169_cast", TensorProto.FLOAT, shapes["sample"])
    graph = helper.make_graph([helper.make_node("Identity", ["sample"], ["input_169_cast"])], "first", ins, [out])
    writer.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "1.onnx")
    second = writer.load(onnx / "unet.onnx")
    for node in second.graph.node:
        node.input[:] = ["input_169_cast" if name == "sample" else name for name in node.input]
    next(each for each in second.graph.input if each.name == "sample").name = "input_169_cast"
    writer.save(second, folder / "2.onnx")
    write_compiled(folder / "UnetChunk1.mlmodelc", folder / "1.onnx", shapes)
    rest = {"input_169_cast" if name == "sample" else name: shape for name, shape in shapes.items()}
    write_compiled(folder / "UnetChunk2.mlmodelc", folder / "2.onnx", rest)
    shutil.rmtree(whole)


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
        painter.decide(Wish(prompt="a house", image=tiny.picture()))


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


def test_what_core_ml_says_becomes_one_line(onnx, stand_in, tmp_path, monkeypatch):
    folder = compile_from(onnx, tmp_path / "core-ml")
    monkeypatch.setattr(StrictModel, "predict", lambda *_: (_ for _ in ()).throw(RuntimeError("E5RT:\nfailed")))
    with pytest.raises(AudioToImageError, match=r"TextEncoder\.mlmodelc failed: E5RT: failed") as caught:
        paint(open_painter(folder, engine="coreml"))
    assert "compute-unit" in caught.value.hint


def test_elsewhere_than_on_a_mac_it_says_so_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / "Unet.mlpackage").mkdir()
    with pytest.raises(AudioToImageError, match="macOS only") as caught:
        open_painter(tmp_path)
    assert "--engine onnx" in caught.value.hint
