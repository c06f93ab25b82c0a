"""Converting a model: the graphs compute the same as the original, and bad input leaves nothing behind."""

import json
import shutil
from pathlib import Path

import diffusers
import numpy as np
import onnx
import onnxruntime
import pytest
import tiny
import torch
import transformers
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors.torch import load_file, save_file

from orchestrator import convert as package
from orchestrator.convert import convert, describe, graphs, source, tokenizer
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.paint.description import Description

FP32 = 1e-4  # of outputs of size 1: the largest difference seen with fp32 weights is 2.2e-5
FP16 = 0.1  # the same with weights stored as fp16: 0.036, in the text encoder, whose attention is sharp
ZERO_SNR = diffusers.DDIMScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction")
PIECES = ("text_encoder", "unet", "vae_decoder", "vae_encoder")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model as diffusers saves it; converting only reads it."""
    torch.set_num_threads(1)
    return tiny.save("2", tmp_path_factory.mktemp("saved") / "diffusers")


@pytest.fixture(scope="module")
def converted(saved, tmp_path_factory):
    """The same as ONNX graphs, with weights in fp16 and in fp32."""
    folder = tmp_path_factory.mktemp("converted")
    for weights in package.PRECISIONS:
        working = list(convert(saved, folder / weights, to="onnx", weights=weights))
    assert [each.done for each in working] == sorted(each.done for each in working)
    assert {each.what.partition(":")[0] for each in working} == {*PIECES, "model.json"}
    return folder


@pytest.fixture
def broken(saved, tmp_path):
    """A copy to break."""
    return shutil.copytree(saved, tmp_path / "broken")


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options)


def feed(graph: graphs.Graph) -> dict[str, torch.Tensor]:
    """Draw random inputs of a graph's shapes; the tokens contain an end."""
    torch.manual_seed(1)
    drawn = {name: torch.randn_like(value) for name, value in graph.inputs.items() if value.is_floating_point()}
    if "timestep" in drawn:
        drawn["timestep"] = torch.tensor([981.0, 981.0])
    if "input_ids" in graph.inputs:
        drawn["input_ids"] = torch.randint(1, 49405, graph.inputs["input_ids"].shape).int()
        drawn["input_ids"][0, 9] = tiny.WORDS - 1
    return {name: drawn[name] for name in graph.inputs}


def difference(model: source.Source, piece: str, path: Path) -> float:
    graph = graphs.read(model, piece, for_onnx=True)
    inputs = feed(graph)
    expected = graph.module(*inputs.values())
    answers = session(path).run(None, {name: value.numpy() for name, value in inputs.items()})
    pairs = zip(answers, expected if isinstance(expected, tuple) else (expected,), strict=True)
    return max(float(np.abs(answer - reference.numpy()).max()) for answer, reference in pairs)


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize(("weights", "tolerance"), [("fp32", FP32), ("fp16", FP16)])
def test_an_onnx_graph_computes_the_same_as_the_original(saved, converted, piece, weights, tolerance):
    assert difference(source.open_source(saved), piece, converted / weights / f"{piece}.onnx") < tolerance


def test_our_attention_and_gates_equal_diffusers(saved):
    model = source.open_source(saved)
    unet = diffusers.UNet2DConditionModel.from_pretrained(saved / "unet")
    inputs = feed(graphs.read(model, "unet", for_onnx=True))
    words = inputs["encoder_hidden_states"].squeeze(2).transpose(1, 2)
    with torch.no_grad():
        expected = unet(inputs["sample"], inputs["timestep"], words).sample
        for for_onnx in (True, False):
            rewritten = graphs.read(model, "unet", for_onnx=for_onnx).module(*inputs.values())
            assert torch.allclose(rewritten, expected, atol=1e-5)


def test_fp16_weights_take_half_the_space(converted):
    small, large = ((converted / weights / "text_encoder.onnx").stat().st_size for weights in ("fp16", "fp32"))
    assert 0.49 < small / large < 0.54


def test_the_unet_takes_any_number_of_pictures_and_keeps_them_apart(converted):
    unet = session(converted / "fp32" / "unet.onnx")
    random = np.random.RandomState(0)
    shapes = {each.name: [3 if size == "batch" else size for size in each.shape] for each in unet.get_inputs()}
    inputs = {name: random.randn(*shape).astype(np.float32) for name, shape in shapes.items()}
    together = unet.run(None, inputs)[0]
    alone = [unet.run(None, {name: value[at : at + 1] for name, value in inputs.items()})[0] for at in range(3)]
    assert np.abs(together - np.concatenate(alone)).max() < FP32


def test_the_unet_has_one_node_for_each_attention_and_no_arithmetic_on_shapes(converted):
    kinds = [node.op_type for node in onnx.load(converted / "fp16" / "unet.onnx").graph.node]
    assert kinds.count("MultiHeadAttention") == 8
    assert not {"Shape", "Gather", "Expand", "Where", "Softmax"} & set(kinds)


@pytest.mark.parametrize(
    ("kind", "padding", "prediction"), [("1", 49407, "epsilon"), ("2", 0, "epsilon"), ("v", 0, "v")]
)
def test_a_model_is_described_as_its_configurations_say(kind, padding, prediction, tmp_path):
    saved = tiny.save(kind, tmp_path / "diffusers")
    found = describe.describe(source.open_source(saved), "tiny")
    assert (found.token_padding, found.prediction) == (padding, prediction)
    assert (found.latent_shape, found.size, found.text_width) == ((4, 8, 8), (64, 64), tiny.KINDS[kind]["width"])
    assert (found.beta_schedule, found.latent_scale, found.token_length) == ("scaled_linear", 0.18215, 77)
    assert (found.sampler, found.spacing, found.steps, found.guidance) == ("dpm++2m", "leading", 20, 7.5)


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        (ZERO_SNR, ("dpm++2m", "leading", 20, 7.5, True)),
        (diffusers.DPMSolverMultistepScheduler(use_karras_sigmas=True), ("dpm++2m", "karras", 20, 7.5, False)),
        (diffusers.EulerDiscreteScheduler(), ("euler", "linspace", 20, 7.5, False)),
        (diffusers.EulerDiscreteScheduler(timestep_spacing="trailing"), ("euler", "trailing", 4, 0.0, False)),
        (diffusers.LCMScheduler(), ("lcm", "leading", 4, 1.0, False)),
    ],
)
def test_the_scheduler_gives_a_model_its_preferred_settings(broken, scheduler, expected):
    shutil.rmtree(broken / "scheduler")
    scheduler.save_pretrained(broken / "scheduler")
    found = describe.describe(source.open_source(broken), "tiny")
    assert (found.sampler, found.spacing, found.steps, found.guidance, found.zero_terminal_snr) == expected


def test_a_model_json_takes_precedence_over_what_is_derived(broken):
    (broken / "model.json").write_text(json.dumps({"name": "mine", "guidance": 3.0, "words": ["a", "house"]}))
    found = describe.describe(source.open_source(broken), "tiny")
    assert (found.name, found.guidance, found.words, found.steps) == ("mine", 3.0, ("a", "house"), 20)


def test_the_preview_matrix_is_the_one_that_fits_the_decoder_best(saved, monkeypatch):
    colours = torch.tensor([[0.1, 0.0, -0.1], [0.0, 0.2, 0.0], [-0.1, 0.1, 0.1], [0.05, 0.0, 0.2]]) / 10

    class Painter(torch.nn.Module):
        """Paints what one matrix says, larger."""

        def __init__(self, vae):
            super().__init__()
            self.scale = vae.config.scaling_factor

        def forward(self, z):
            rgb = (z * self.scale).permute(0, 2, 3, 1) @ colours + 0.5
            return torch.nn.functional.interpolate(rgb.permute(0, 3, 1, 2) * 2 - 1, scale_factor=8.0)

    monkeypatch.setattr(describe, "Decoder", Painter)
    matrix = np.array(describe.preview(source.open_source(saved)))
    assert np.abs(matrix - np.concatenate([colours.numpy(), [[0.5] * 3]])).max() < 2e-5


def test_words_are_taken_from_the_one_file_that_transformers_now_saves(saved, broken, tmp_path):
    shutil.rmtree(broken / "tokenizer")
    transformers.CLIPTokenizer.from_pretrained(saved / "tokenizer").save_pretrained(broken / "tokenizer")
    assert not (broken / "tokenizer" / "vocab.json").exists()
    target = tmp_path / "words"
    target.mkdir()
    tokenizer.write(source.open_source(broken), target)
    assert json.loads((target / "vocab.json").read_text()) == json.loads((saved / "tokenizer/vocab.json").read_text())
    merges = [(folder / "merges.txt").read_text().split("\n")[1:] for folder in (target, saved / "tokenizer")]
    assert [line for line in merges[0] if line] == [line for line in merges[1] if line]


def test_an_encoder_of_one_convolution_is_read(broken):
    weights = load_file(broken / "vae" / "diffusion_pytorch_model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("encoder.")}
    side = torch.randn(8, 3, 8, 8)
    save_file(
        kept | {"encoder.conv.weight": side, "encoder.conv.bias": torch.zeros(8)},
        broken / "vae" / "diffusion_pytorch_model.safetensors",
    )
    config = json.loads((broken / "vae" / "config.json").read_text())
    config |= {"encoder_type": "patch", "patch_size": 8}
    (broken / "vae" / "config.json").write_text(json.dumps(config))
    graph = graphs.read(source.open_source(broken), "vae_encoder", for_onnx=True)
    assert graph.module(graph.inputs["x"]).shape == (1, 8, 8, 8)


@pytest.fixture
def checked(broken):
    """A model with a safety checker."""
    torch.manual_seed(0)
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(vision_config={**vision, "patch_size": 32}, projection_dim=8)
    checker = StableDiffusionSafetyChecker(config)
    checker.concept_embeds.data = torch.randn(17, 8)
    checker.special_care_embeds.data = torch.randn(3, 8)
    checker.save_pretrained(broken / "safety_checker")
    index = json.loads((broken / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (broken / "model_index.json").write_text(json.dumps(index))
    return broken


@pytest.mark.parametrize("threshold", [-0.99, 0.99])
def test_the_safety_checker_decides_as_diffusers_does(checked, threshold):
    checker = StableDiffusionSafetyChecker.from_pretrained(checked / "safety_checker")
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.save_pretrained(checked / "safety_checker")
    graph = graphs.read(source.open_source(checked), "safety_checker", for_onnx=True)
    clip, images = torch.randn(1, 3, 224, 224), torch.rand(1, 64, 64, 3)
    blanked, expected = checker(clip, images.numpy().copy())
    filtered, flagged, _ = graph.module(clip, images, torch.zeros(1))
    assert bool(flagged[0]) == expected[0] == (threshold < 0)
    assert np.array_equal(filtered.numpy(), blanked)


def remove_unet(folder):
    shutil.rmtree(folder / "unet")


def cut_weights(folder):
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def empty_weights(folder):
    (folder / "text_encoder" / "model.safetensors").write_bytes(b"")


def forget_a_weight(folder):
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    del weights["conv_in.weight"]
    save_file(weights, path)


def name_another_class(folder):
    path = folder / "model_index.json"
    path.write_text(path.read_text().replace("CLIPTextModel", "T5EncoderModel"))


def garble_configuration(folder):
    (folder / "vae" / "config.json").write_text("{")


def ask_for_another_scheduler(folder):
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(path.read_text().replace("PNDMScheduler", "DreamScheduler"))


def ask_for_other_noise(folder):
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(path.read_text().replace("scaled_linear", "squaredcos_cap_v2"))


def remove_words(folder):
    (folder / "tokenizer" / "merges.txt").unlink()


def remove_everything(folder):
    shutil.rmtree(folder)


def begin_from_pure_noise_with_epsilon(folder):
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"rescale_betas_zero_snr": True, "_class_name": "DDIMScheduler"})
    )


def widen_words(folder):
    path = folder / "unet" / "config.json"
    path.write_text(path.read_text().replace('"cross_attention_dim": 32', '"cross_attention_dim": 64'))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (remove_everything, "not a diffusers model"),
        (remove_unet, "unet"),
        (cut_weights, "diffusion_pytorch_model.safetensors is truncated"),
        (empty_weights, "model.safetensors is truncated"),
        (forget_a_weight, "conv_in.weight"),
        (name_another_class, "T5EncoderModel"),
        (garble_configuration, "config.json"),
        (ask_for_another_scheduler, "DreamScheduler"),
        (ask_for_other_noise, "squaredcos_cap_v2"),
        (begin_from_pure_noise_with_epsilon, "epsilon"),
        (remove_words, "merges.txt"),
        (widen_words, "words"),
    ],
)
def test_a_damaged_model_is_one_line_and_a_hint_and_leaves_nothing(broken, tmp_path, damage, said):
    damage(broken)
    with pytest.raises(AudioToImageError, match=said) as caught:
        list(convert(broken, tmp_path / "out" / "model", to="onnx"))
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    "asked", [{"to": "tflite"}, {"to": "onnx", "palettize": 6}, {"to": "coreml", "palettize": 5}, {"weights": "int4"}]
)
def test_impossible_wishes_are_misuse(saved, tmp_path, asked):
    with pytest.raises(Misuse):
        list(convert(saved, tmp_path / "model", **{"to": "onnx", **asked}))


def test_a_model_that_is_there_already_is_not_written_over(saved, tmp_path):
    with pytest.raises(Misuse, match="already exists"):
        list(convert(saved, tmp_path, to="onnx"))


def test_a_missing_extra_is_one_line_and_the_command_that_installs_it(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(package, "find_spec", lambda name: None if name == "diffusers" else object())
    with pytest.raises(AudioToImageError, match="diffusers") as caught:
        list(convert(saved, tmp_path / "model", to="onnx"))
    assert caught.value.hint == "pip install 'audio-to-image[convert]'"


def test_an_abandoned_conversion_leaves_nothing(saved, tmp_path):
    running = convert(saved, tmp_path / "out" / "model", to="onnx")
    while not next(running).what.startswith("unet:"):
        pass
    assert list((tmp_path / "out").iterdir())
    running.close()  # type: ignore[attr-defined]  # it is a generator
    assert not list((tmp_path / "out").iterdir())


def test_graphs_too_large_for_one_file_keep_their_weights_beside_it(saved, tmp_path, monkeypatch):
    from orchestrator.convert import onnx as writer

    monkeypatch.setattr(writer, "LARGE", 10_000)
    model = source.open_source(saved)
    list(writer.write(graphs.read(model, "unet", for_onnx=True), tmp_path, weights="fp32"))
    graph, weights = ((tmp_path / name).stat() for name in ("unet.onnx", "unet.onnx.data"))
    assert weights.st_size > graph.st_size
    assert weights.st_mode == graph.st_mode
    assert difference(model, "unet", tmp_path / "unet.onnx") < FP32


def test_a_description_survives_its_file(converted):
    assert Description.read(converted / "fp16").latent_shape == (4, 8, 8)
