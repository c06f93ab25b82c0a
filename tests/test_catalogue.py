from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import hub as local
import pytest
from hub import FILES, SMALL

from orchestrator import catalogue, fetch
from orchestrator.catalogue import UNKNOWN, Model, seen
from orchestrator.catalogue.seen import File, Seen
from orchestrator.errors import Misuse, ModelMissing
from orchestrator.fetch import bundle
from orchestrator.settings import Settings, override

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parent.parent
WHISPERS = ("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en", "large-v3-turbo")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def stands(settings: Settings, name: str, *paths: str) -> None:
    """Put a model there as if it had been fetched."""
    listed = []
    for path in paths:
        target = settings.models / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(SMALL)
        listed.append(File(path=path, size=len(SMALL), sha256="ab" * 32))
    record = Seen(name=name, repository="a/b", commit="c" * 40, licence="", fetched=tuple(listed), files=tuple(listed))
    record.write(settings.models)


def test_every_model_is_found_by_its_name() -> None:
    listed = catalogue.load()
    assert len({model.name for model in listed.models}) == len(listed.models)
    assert all(listed.find(model.name) == model for model in listed.models)
    for name in (*WHISPERS, "base.en-q5_1", "sd-2.1-base-palettized", "sd-2.1-base", "demo-speech", "demo-picture"):
        assert listed.find(name)


def test_an_unknown_name_is_missing_and_a_similar_one_is_named() -> None:
    with pytest.raises(ModelMissing) as caught:
        catalogue.load().find("bse.en")
    assert caught.value.hint == "did you mean base.en?"


@pytest.mark.parametrize("model", catalogue.load().models, ids=lambda model: model.name)
def test_every_fact_has_its_form(model: Model) -> None:
    assert model.kind in catalogue.load().roles
    assert model.licence.name
    assert model.licence.link
    assert model.files
    assert model.good_for
    assert re.fullmatch(r"([0-9a-f]{40})?", model.sha1)
    assert re.fullmatch(r"([0-9a-f]{7,40})?", model.revision)
    assert re.fullmatch(r"([\d.]+ (MB|GB|MiB|GiB))?", model.size)
    assert re.fullmatch(r"([\d.]+ (MB|GB))?", model.memory)
    assert re.fullmatch(r"([\w.-]+/[\w.-]+)?", model.repository)
    assert seen.safe(model.name)
    assert not model.sha1 or len(model.files) == 1


def test_an_unconfirmed_fact_is_shown_as_unknown() -> None:
    rows = {row.split("|")[1].strip(" `"): row for row in catalogue.table().splitlines()[2:]}
    assert f"ggerganov/whisper.cpp at {UNKNOWN}" in rows["base.en"]
    assert f"| {UNKNOWN} |" in rows["sd-1.4-palettized"]
    assert "at dca5f2f" in rows["sd-2.1-base-palettized"]


def test_the_table_has_every_model() -> None:
    named = re.findall(r"`([^`]+)`", catalogue.table())
    assert sorted(named) == sorted(model.name for model in catalogue.load().models)


def test_the_readme_holds_the_table() -> None:
    _, _, rest = (ROOT / "README.md").read_text().partition("<!-- models -->")
    held, end, _ = rest.partition("<!-- /models -->")
    assert end, "README.md has no markers"
    assert held.strip() == catalogue.table(), "python -c 'from orchestrator import catalogue; print(catalogue.table())'"


@pytest.mark.parametrize(
    ("chip", "name"),
    [
        ("Apple M1", "sd-2.1-base-palettized"),
        ("Apple M3 Pro", "sd-2.1-base-palettized"),
        ("Apple M1 Max", "sd-2.1-base-palettized-original"),
        ("Apple M2 Ultra", "sd-2.1-base-palettized-original"),
        ("Intel(R) Core(TM) i7", "sd-2.1-base"),
        ("", "sd-2.1-base"),
    ],
)
def test_the_full_picture_model_suits_the_chip(chip: str, name: str) -> None:
    assert catalogue.load().full_models("picture", chip)[0].name == name
    assert catalogue.load().full_models("speech", chip)[0].name == "base.en"


def test_every_role_has_a_setting_a_demo_model_and_full_models() -> None:
    listed = catalogue.load()
    for name, role in listed.roles.items():
        assert hasattr(Settings(), role.setting)
        assert [model for model in listed.models if model.kind == name and model.demo]
        assert all(listed.find(full).kind == name for full in role.full.values())


def test_a_role_that_the_program_does_not_know_needs_no_code() -> None:
    row = 'name = "chime", kind = "play", repository = "a/b"'
    content = f'[roles.play]\nsetting = "play_model"\nfull = {{any = "chime"}}\n[[family]]\nmodels = [{{{row}}}]\n'
    (model,) = catalogue.parse(content.encode()).full_models("play", "Apple M1")
    assert model.name == "chime"


def test_without_the_full_model_the_demo_model_is_chosen(settings: Settings) -> None:
    chosen = catalogue.choose("speech", settings)
    assert (chosen.name, chosen.demo) == ("demo-speech", True)
    assert chosen.path == ROOT / "models/demo/ggml-demo.bin"
    assert re.fullmatch("[0-9a-f]{64}", chosen.digest)


def test_the_full_model_is_chosen_if_it_is_here(settings: Settings) -> None:
    stands(settings, "base.en", "ggml-base.en.bin")
    chosen = catalogue.choose("speech", settings)
    assert (chosen.name, chosen.demo, chosen.revision) == ("base.en", False, "c" * 40)
    assert chosen.path == settings.models / "base.en/ggml-base.en.bin"
    assert chosen.digest == "ab" * 32
    assert catalogue.choose("speech", replace(settings, speech_model="demo")).demo
    assert "base.en" in {each.name for each in catalogue.installed(settings)}


def test_a_model_with_a_missing_file_is_not_chosen(settings: Settings) -> None:
    stands(settings, "base.en", "ggml-base.en.bin")
    (settings.models / "base.en/ggml-base.en.bin").write_bytes(b"cut")
    assert catalogue.choose("speech", settings).demo


def test_a_folder_of_graphs_is_opened_at_its_unet(settings: Settings) -> None:
    inside = "split_einsum_v2/compiled"
    stands(settings, "sd-2.1-base-palettized", f"{inside}/Unet.mlmodelc/weights/weight.bin", f"{inside}/vocab.json")
    chosen = catalogue.choose("picture", replace(settings, model="sd-2.1-base-palettized"))
    assert chosen.path == settings.models / "sd-2.1-base-palettized" / inside


@pytest.mark.parametrize("name", ["base.en", "sd-2.1-base", "dragon"])
def test_a_model_asked_for_by_name_that_is_missing_exits_4(settings: Settings, name: str) -> None:
    kind = "picture" if name.startswith("sd") else "speech"
    with pytest.raises(ModelMissing) as caught:
        catalogue.choose(kind, override(settings, {catalogue.load().roles[kind].setting: name}, "the test"))
    assert caught.value.exit_code == 4
    assert caught.value.hint == (
        "audio-to-image models list" if name == "dragon" else f"audio-to-image models get {name}"
    )


def test_a_model_of_the_other_kind_is_misuse(settings: Settings) -> None:
    with pytest.raises(Misuse, match="is a speech model"):
        catalogue.choose("picture", replace(settings, model="base.en"))


def test_a_path_is_a_model_too(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.bin").write_bytes(SMALL)
    chosen = catalogue.choose("speech", replace(settings, speech_model=str(tmp_path / "mine.bin")))
    assert (chosen.name, chosen.path, chosen.demo) == ("mine.bin", tmp_path / "mine.bin", False)
    monkeypatch.chdir(tmp_path)
    Path("base.en").write_bytes(SMALL)
    assert catalogue.choose("speech", replace(settings, speech_model="./base.en")).name == "base.en"
    with pytest.raises(ModelMissing):  # the name means the model of the catalogue
        catalogue.choose("speech", replace(settings, speech_model="base.en"))


def test_a_folder_has_a_digest_that_any_change_changes(tmp_path: Path) -> None:
    def digest() -> str:
        return catalogue.Chosen(name="mine", kind="picture", path=tmp_path / "mine").digest

    (tmp_path / "mine/unet").mkdir(parents=True)
    (tmp_path / "mine/unet/a.bin").write_bytes(b"one")
    digests = {digest()}
    (tmp_path / "mine/b.bin").write_bytes(b"two")
    digests.add(digest())
    (tmp_path / "mine/b.bin").rename(tmp_path / "mine/c.bin")
    digests.add(digest())
    assert len(digests) == 3


def test_a_digest_does_not_depend_on_the_order_of_files() -> None:
    listed = tuple(File(path=path, size=1, sha256=sha256 * 64) for path, sha256 in (("a", "2"), ("b", "1")))
    assert seen.digest_of(listed) == seen.digest_of(listed[::-1])


def test_an_archive_from_the_hub_is_unpacked(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("turbo_compiled/Unet.mlmodelc/model.mil", FILES["on/unet.onnx"])
        archive.writestr("turbo_compiled/vocab.json", SMALL)
    with local.running(monkeypatch) as hub:
        model = catalogue.load().find("sd-turbo-palettized")
        hub.repositories[model.repository] = {"turbo_split_einsum_v2_compiled.zip": packed.getvalue()}
        list(fetch.get(model, settings, make=bundle.unzip))
    assert catalogue.where(model, settings).path == settings.models / model.name / "turbo_compiled"
    assert not list(settings.models.rglob("*.zip"))


def test_download_model_is_the_verb_models_get(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "download_model.py", "no-such-model"],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9"},
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "no-such-model" in done.stderr
