"""Training of the demo picture model: drawings, captions, encoder, denoiser, judge, and every stage at toy size."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[1]
DEMO = REPOSITORY / "models" / "demo"

torch = pytest.importorskip("torch")
pytest.importorskip("skia")
pytest.importorskip("diffusers")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


SUBJECTS = (
    "sailboat", "house", "tree", "balloon", "lighthouse", "castle", "rocket", "car", "bird", "cat", "fish", "flower",
)  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_is_drawn_inside_its_box_and_nowhere_else(subject: str) -> None:
    """Two colours of one scene differ only inside the subject's box and its outline."""
    from training.demo.pictures import captions, scenes

    scene = replace(captions.scene(1), subject=subject, place="hills", weather="clear", time="noon")
    one, other = (scenes.draw(replace(scene, colour=colour), 5) for colour in ("red", "blue"))
    rows, columns = np.nonzero((one.picture != other.picture).any(axis=2))
    left, top, right, bottom = one.box
    rim = 6
    assert left - rim <= columns.min() <= columns.max() <= right + rim
    assert top - rim <= rows.min() <= rows.max() <= bottom + rim
    assert len(rows) > 0.15 * (right - left) * (bottom - top)


def test_a_scene_is_drawn_the_same_every_time_and_another_seed_differs() -> None:
    from training.demo.pictures import captions, scenes

    scene = captions.scene(2)
    assert (scenes.draw(scene, 7).picture == scenes.draw(scene, 7).picture).all()
    assert (scenes.draw(scene, 7).picture != scenes.draw(scene, 8).picture).any()


def test_no_training_scene_is_held_out_and_every_second_prompt_is() -> None:
    from training.demo import world
    from training.demo.pictures import captions, evaluate

    assert not any(world.is_held_out(captions.scene(number)) for number in range(2000))
    prompts = evaluate.prompts(40)
    assert [world.is_held_out(scene) for scene, _ in prompts] == [False, True] * 20


def test_a_caption_mentions_unusual_weather_size_and_side() -> None:
    from training.demo import world
    from training.demo.pictures import captions

    for number in range(300):
        scene = captions.scene(number)
        caption = captions.caption(scene, Random(number))
        for value, usual, phrases in (
            (scene.weather, ("clear", "clouds"), world.WEATHERS),
            (scene.size, ("medium",), world.SIZES),
            (scene.side, ("middle",), world.SIDES),
        ):
            assert value in usual or any(phrase in caption for phrase in phrases[value]), caption


def test_every_word_is_one_token_for_transformers_clip_tokenizer(tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    from training.demo import world
    from training.demo.pictures import tokenizer

    tokenizer.save(tmp_path)
    clip = CLIPTokenizer.from_pretrained(tmp_path)
    assert all(len(clip.tokenize(word)) == 1 for word in world.words())
    caption = "paint me a little red lighthouse by the sea at night please"
    rows = clip(caption, padding="max_length", max_length=tokenizer.LENGTH).input_ids
    assert rows == tokenizer.encode(caption, tokenizer.vocabulary())
    assert clip.decode(clip("a dragon, é").input_ids, skip_special_tokens=True) == "a dragon , é"


def test_the_denoiser_equals_diffusers() -> None:
    from diffusers import UNet2DConditionModel

    from training.demo.pictures import unet

    torch.manual_seed(0)
    ours, theirs = unet.UNet().eval(), UNet2DConditionModel(**unet.CONFIG).eval()
    theirs.load_state_dict(ours.state_dict())
    x, times, text = torch.randn(2, 12, 32, 32), torch.tensor([3, 700]), torch.randn(2, 28, unet.WIDTH)
    with torch.no_grad():
        torch.testing.assert_close(ours(x, times, text), theirs(x, times, text).sample, atol=1e-5, rtol=1e-5)


def test_the_noise_schedule_equals_diffusers() -> None:
    from diffusers import DDIMScheduler

    from training.demo.pictures import diffusion

    scheduler = DDIMScheduler(**{name: value for name, value in diffusion.SCHEDULER.items() if name[0] != "_"})
    torch.testing.assert_close(diffusion.sqrt_alphas_cumprod(), scheduler.alphas_cumprod.sqrt(), atol=1e-6, rtol=0)


def test_the_encoder_is_a_convolution_and_its_transpose_decodes() -> None:
    from training.demo.pictures import captions, latents, scenes

    pictures = np.stack([scenes.draw(captions.scene(number), number).picture for number in range(6)])
    patches = latents.fit(pictures)
    rows = patches.encode(pictures)
    assert np.sqrt((rows**2).mean()) == pytest.approx(1, abs=0.1)
    assert latents.psnr(patches.decode(rows), pictures / 127.5 - 1) > 22
    weight, bias = (torch.from_numpy(array).float() for array in patches.convolution())
    images = torch.from_numpy(pictures / np.float32(127.5) - 1).permute(0, 3, 1, 2).contiguous()
    mean, spread = torch.nn.functional.conv2d(images, weight, bias, stride=latents.PATCH).chunk(2, dim=1)
    np.testing.assert_allclose(mean, rows, atol=2e-3)
    assert (spread == -30).all()


def test_the_judge_knows_drawn_scenes() -> None:
    """Its accuracy is at least 97 % on 400 scenes; three of forty may be wrong."""
    from training.demo.pictures import train_judge
    from training.demo.pictures.judge import Judge

    shares = train_judge.accuracy(Judge(), 40)
    assert min(shares.values()) >= 37 / 40, shares


def test_the_shipped_model_follows_the_prompts() -> None:
    """All sixteen pictures of the README's grid are right; the judge may be wrong about one of four."""
    from training.demo.pictures import evaluate, grid
    from training.demo.pictures.judge import Judge

    pictures = np.stack(list(evaluate.paint_with_program(DEMO / "pictures" / "onnx", grid.PROMPTS[:4])))
    seen = [f"{verdict.colour} {verdict.subject} {verdict.time}" for verdict in Judge().classify(pictures)]
    expected = ["red sailboat sunset", "blue house noon", "orange tree sunrise", "pink balloon noon"]
    assert sum(one == other for one, other in zip(seen, expected, strict=True)) >= 3, seen


@pytest.mark.timeout(1200)  # a minute on an idle machine
def test_every_stage_runs_at_toy_size_and_training_resumes(tmp_path: Path) -> None:
    def run(stage: str, *arguments: str | Path) -> str:
        command = [sys.executable, "-W", "ignore", "-m", f"training.demo.pictures.{stage}", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    output = run("build", "--work", tmp_path, "--out", tmp_path, "--quick", "--processes", "2")
    assert "| unseen | 1 |" in output
    assert (tmp_path / "pictures" / "coreml" / "Unet.mlpackage").is_dir()
    run("train", tmp_path, "--steps", "5", "--batch", "2", "--processes", "1")
    state = torch.load(tmp_path / "painter.pt", weights_only=True)
    assert (state["step"], state["seen"]) == (5, 3 * 2 * 2 + 2 * 2)
