from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hub as local
import pytest
from hub import FILES, LARGE, MODEL, SMALL, Hub, contents

from orchestrator import fetch
from orchestrator.catalogue import Catalogue
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import ModelHere, Note, Working
from orchestrator.fetch import bundle
from orchestrator.settings import Settings

WHOLE = {"on/unet.onnx": LARGE, "on/model.json": SMALL}
CATALOGUE = Catalogue(models=(MODEL, replace(MODEL, name="second")), roles={})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with local.running(monkeypatch) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def bundled(hub: Hub, settings: Settings, tmp_path: Path) -> Path:
    out = tmp_path / "models.tar"
    for model in CATALOGUE.models:
        list(fetch.get(model, settings))
    list(bundle.bundle(CATALOGUE.models, out, settings))
    return out


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, data=tmp_path / "elsewhere")


def add(path: Path, settings: Settings) -> list[object]:
    return list(bundle.add(path, CATALOGUE, settings))


def changed(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    return path


def nothing_stands(settings: Settings) -> bool:
    there = [path for path in settings.data.parent.rglob("*") if path.is_file() and "data" not in path.parts]
    return not [path for path in there if path.read_bytes() in FILES.values() or "escape" in path.name]


def test_models_travel_in_one_file(bundled: Path, elsewhere: Settings) -> None:
    happened = [each for each in add(bundled, elsewhere) if not isinstance(each, Working)]
    assert [type(each) for each in happened] == [Note, ModelHere, Note, ModelHere]
    for name in ("boat", "second"):
        assert contents(elsewhere, name) == WHOLE
    assert isinstance(list(fetch.verify(MODEL, elsewhere))[-1], ModelHere)
    assert not list(elsewhere.models.glob(".*.part/*"))


def test_adding_twice_changes_nothing(bundled: Path, elsewhere: Settings) -> None:
    add(bundled, elsewhere)
    before = (elsewhere.models / "boat").stat().st_ino
    add(bundled, elsewhere)
    assert (elsewhere.models / "boat").stat().st_ino == before


def test_a_damaged_model_is_not_bundled(bundled: Path, settings: Settings, tmp_path: Path) -> None:
    (settings.models / "boat/on/model.json").write_bytes(b"x" * len(SMALL))
    with pytest.raises(AudioToImageError, match="damaged"):
        list(bundle.bundle([MODEL], tmp_path / "again.tar", settings))
    assert not list(tmp_path.glob("*again*"))


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_bundle_is_refused(bundled: Path, elsewhere: Settings, tenth: int) -> None:
    content = bundled.read_bytes()
    end = content.index(b"second/on/unet.onnx") + 512 + len(LARGE)  # past the last model's data
    bundled.write_bytes(content[: end * tenth // 10])
    with pytest.raises(AudioToImageError, match="cannot be used") as caught:
        add(bundled, elsewhere)
    assert caught.value.hint
    assert not (elsewhere.models / "second").exists()
    if (elsewhere.models / "boat").exists():
        assert contents(elsewhere) == WHOLE
    bundled.write_bytes(content)
    add(bundled, elsewhere)
    assert contents(elsewhere) == WHOLE


def test_changed_bytes_are_refused(bundled: Path, elsewhere: Settings) -> None:
    changed(bundled, LARGE[:16], bytes(16))
    with pytest.raises(AudioToImageError, match="checksum"):
        add(bundled, elsewhere)
    assert nothing_stands(elsewhere)


@pytest.mark.parametrize(
    ("old", "new"), [(b"boat/on/unet.onnx", b"../../../escape.a"), (b"on/unet.onnx", b"../../escape")]
)
def test_a_path_that_leaves_its_folder_is_refused(bundled: Path, elsewhere: Settings, old: bytes, new: bytes) -> None:
    content = bundled.read_bytes().replace(old, new)
    bundled.write_bytes(resummed(content))
    with pytest.raises(AudioToImageError, match="cannot be used"):
        add(bundled, elsewhere)
    assert nothing_stands(elsewhere)


def resummed(content: bytes) -> bytes:
    """Write the tar again, so that its own checksums are right."""
    out = io.BytesIO()
    patched = bytearray(content)
    for offset in range(0, len(patched) - 512, 512):
        if patched[offset + 257 : offset + 262] == b"ustar":
            patched[offset + 148 : offset + 156] = b" " * 8
            patched[offset + 148 : offset + 156] = b"%06o\0 " % sum(patched[offset : offset + 512])
    out.write(patched)
    return out.getvalue()


def made(path: Path, members: dict[str, bytes | str]) -> Path:
    """Make a tar; text is the target of a link."""
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def manifest(bundled: Path) -> bytes:
    with tarfile.open(bundled) as tar:
        content = tar.extractfile(bundle.MANIFEST)
        assert content
        return content.read()


def test_a_link_in_a_bundle_is_refused(bundled: Path, elsewhere: Settings, tmp_path: Path) -> None:
    with_link = made(tmp_path / "link.tar", {bundle.MANIFEST: manifest(bundled), "boat/on/model.json": "/etc/passwd"})
    with pytest.raises(AudioToImageError, match="cannot be used"):
        add(with_link, elsewhere)


@pytest.mark.parametrize("first", [b"{}", b"[]", b"null", b"[" * 100_000, b'{"models": [{"name": "boat"}]}', b"\xff"])
def test_a_damaged_list_of_models_is_refused(elsewhere: Settings, tmp_path: Path, first: bytes) -> None:
    with pytest.raises(AudioToImageError, match="cannot be used"):
        add(made(tmp_path / "bad.tar", {bundle.MANIFEST: first}), elsewhere)


def test_an_unknown_model_is_refused(bundled: Path, elsewhere: Settings, tmp_path: Path) -> None:
    listed = json.loads(manifest(bundled))
    listed["models"][0]["name"] = "../boat"
    with pytest.raises(AudioToImageError, match="no model"):
        add(made(tmp_path / "bad.tar", {bundle.MANIFEST: json.dumps(listed).encode()}), elsewhere)


@pytest.mark.parametrize("content", [b"", b"no tar", b"\0" * 10_240])
def test_a_file_that_is_not_a_bundle_is_refused(elsewhere: Settings, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bundle.tar").write_bytes(content)
    with pytest.raises(AudioToImageError, match="cannot be used"):
        add(tmp_path / "bundle.tar", elsewhere)


@pytest.mark.parametrize("name", ["nothing.tar", "."])
def test_a_missing_bundle_is_misuse(elsewhere: Settings, tmp_path: Path, name: str) -> None:
    with pytest.raises(Misuse):
        add(tmp_path / name, elsewhere)


def test_a_bundle_that_differs_from_the_record_is_refused(
    bundled: Path,
    hub: Hub,
    elsewhere: Settings,
) -> None:
    hub.repositories["harbour/boat"]["on/model.json"] = b"another"
    list(fetch.get(MODEL, elsewhere))
    list(fetch.remove(MODEL, elsewhere))
    with pytest.raises(AudioToImageError, match="differs") as caught:
        add(bundled, elsewhere)
    assert caught.value.hint


def test_a_published_sha1_is_checked_in_bundles_too(bundled: Path, elsewhere: Settings) -> None:
    pinned = Catalogue(models=tuple(replace(model, sha1="0" * 40) for model in CATALOGUE.models), roles={})
    with pytest.raises(AudioToImageError, match="not the published one"):
        list(bundle.add(bundled, pinned, elsewhere))
    assert nothing_stands(elsewhere)


def zipped(path: Path, names: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return path


def unzip(folder: Path) -> Iterator[str]:
    return bundle.unzip(folder, folder / "whole")


def test_an_archive_is_unpacked(tmp_path: Path) -> None:
    zipped(tmp_path / "model.zip", {"model/Unet.mlmodelc/weights.bin": LARGE, "model/vocab.json": SMALL})
    assert len(list(unzip(tmp_path))) == 2
    assert (tmp_path / "whole/model/Unet.mlmodelc/weights.bin").read_bytes() == LARGE


@pytest.mark.parametrize("name", ["../escape", "/escape", "a/../../escape", "a\\..\\escape"])
def test_an_archive_that_leaves_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    zipped(folder / "model.zip", {"model/good": b"good", name: b"evil"})
    with pytest.raises(AudioToImageError, match="would leave"):
        list(unzip(folder))
    assert not (folder / "whole").exists()


@pytest.mark.parametrize("damage", [slice(0, 100), slice(0, 0)])
def test_a_broken_archive_is_one_clear_error(tmp_path: Path, damage: slice) -> None:
    path = zipped(tmp_path / "model.zip", {"model/weights": LARGE})
    path.write_bytes(path.read_bytes()[damage])
    with pytest.raises(AudioToImageError, match="cannot be used"):
        list(unzip(tmp_path))
