"""A stand-in for coremltools, as strict as the real one, that computes with ONNX graphs; and model folders for it."""

import enum
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime

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
