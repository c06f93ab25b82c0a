from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_recipe import PLAIN

from orchestrator import files
from orchestrator import picture as png
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.events import Kept
from orchestrator.gallery import Gallery, complete_recipe, folder, index

pytestmark = pytest.mark.quick

RANDOM = np.random.default_rng(0)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user and to mount")


def pixels() -> np.ndarray:
    return RANDOM.integers(0, 256, (8, 8, 3), dtype=np.uint8)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return Gallery(tmp_path / "gallery")


def keep(gallery: Gallery, prompt: str = "a boat", transcript: str = "") -> Kept:
    return gallery.keep(pixels(), replace(PLAIN, prompt=prompt, transcript=transcript))


def run(script: str, *arguments: str | Path, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a script in a process of its own."""
    prelude = "import sys, numpy as np\nfrom dataclasses import replace\nfrom pathlib import Path\n"
    prelude += "from orchestrator.gallery import Gallery\nfrom orchestrator.errors import AudioToImageError\n"
    prelude += f"sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_recipe import PLAIN\n"
    prelude += "gallery = Gallery(Path(sys.argv[1]))\npixels = np.zeros((8, 8, 3), np.uint8)\n"
    command = [*before, sys.executable, "-c", prelude + textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_kept_picture_is_found_with_its_whole_recipe(gallery: Gallery) -> None:
    kept = keep(gallery, "a red house", "[music] a red house")
    assert png.read_png(kept.path) == kept.recipe
    assert gallery.show(kept.id) == kept
    assert gallery.list() == (kept,)
    assert kept.recipe.made.endswith("+00:00")
    assert kept.recipe.pixels == png.pixels_digest(png.read_pixels(kept.path))


def test_names_sort_by_time(gallery: Gallery) -> None:
    kept = [keep(gallery) for _ in range(5)]
    assert sorted(each.path.name for each in kept) == [each.path.name for each in kept]
    assert [each.id for each in gallery.list(3)] == [each.id for each in reversed(kept)][:3]


def test_the_beginning_of_an_id_is_enough_in_any_case_and_misread(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.gallery.names.new_id", lambda: "01abcdefgh")
    kept = keep(gallery)
    assert gallery.show(kept.id[:4].upper()) == kept
    assert gallery.show(kept.id.replace("0", "o").replace("1", "l")) == kept
    assert gallery.show(str(kept.path)) == kept


def test_an_ambiguous_id_names_the_candidates(gallery: Gallery) -> None:
    kept = [keep(gallery) for _ in range(40)]  # 32 first characters: two begin alike
    first = next(a.id[0] for a, b in itertools.combinations(kept, 2) if a.id[0] == b.id[0])
    with pytest.raises(Misuse, match="could be any of") as caught:
        gallery.show(first)
    assert all(each.id in str(caught.value) for each in kept if each.id[0] == first)
    assert caught.value.hint


@pytest.mark.parametrize("wanted", ["", " ", "zzzz", "%", "_", "*", "nothing.png", "' OR 1"])
def test_an_unknown_id_is_one_line_and_a_hint(gallery: Gallery, wanted: str) -> None:
    keep(gallery)
    with pytest.raises(Misuse, match="no picture") as caught:
        gallery.show(wanted)
    assert caught.value.hint


@pytest.mark.parametrize(
    "words",
    ["red", "RED house", "house red", "hou", "kitchen", "café", "cafe", "猫", "日本", "don't", '"red', "red-house"],
)
def test_search_finds_words_of_prompt_and_transcript(gallery: Gallery, words: str) -> None:
    keep(gallery, "a green boat")
    kept = keep(gallery, "a red house, café, 日本の猫, don't", "in the kitchen")
    assert [each.id for each in gallery.search(words)] == [kept.id]


@pytest.mark.parametrize("words", ["blue", "red blue", "NEAR(red)", "prompt:red", "red OR boat", "犬", "*", "^red"])
def test_search_treats_operators_as_words(gallery: Gallery, words: str) -> None:
    keep(gallery, "a red house, 日本の猫")
    keep(gallery, "a boat")
    assert gallery.search(words) == () or words in ("*", "^red")


def test_search_without_words_lists(gallery: Gallery) -> None:
    kept = keep(gallery)
    assert gallery.search('  " ') == (kept,)


def test_remove_and_restore(gallery: Gallery) -> None:
    kept, other = keep(gallery, "a boat"), keep(gallery, "a house")
    removed = gallery.remove(kept.id)
    assert removed.path.parent == gallery.trash
    assert removed.path.exists()
    assert gallery.list() == (other,)
    assert gallery.rebuild().pictures == 1
    assert gallery.search("boat") == ()
    with pytest.raises(Misuse, match="in the trash"):
        gallery.restore(other.id)
    assert gallery.restore(kept.id[:5]) == kept
    assert gallery.search("boat") == (kept,)


def test_rebuild_makes_the_same_index_from_the_files(gallery: Gallery) -> None:
    for number in range(5):
        keep(gallery, f"picture {number}", "said")
    before = gallery.list()
    (gallery.folder / "foreign.png").write_bytes(png.to_png(pixels(), None))
    (gallery.folder / "copy.png").write_bytes(before[0].path.read_bytes())
    index.discard(gallery.folder)
    rebuilt = gallery.rebuild()
    assert (rebuilt.pictures, len(rebuilt.skipped)) == (5, 2)
    assert {each.id for each in gallery.list()} == {each.id for each in before}
    assert len(gallery.search("said")) == 5


def test_a_damaged_index_names_the_command_that_repairs_it(gallery: Gallery) -> None:
    kept = keep(gallery)
    (gallery.folder / index.FILE_NAME).write_bytes(b"no database " * 1000)
    for action in (gallery.list, lambda: keep(gallery)):
        with pytest.raises(AudioToImageError, match="is damaged") as caught:
            action()
        assert caught.value.hint == "audio-to-image gallery rebuild"
    gallery.rebuild()
    assert gallery.list()[-1] == kept


def test_an_index_of_a_later_version_is_left_alone(gallery: Gallery) -> None:
    keep(gallery)
    with sqlite3.connect(gallery.folder / index.FILE_NAME) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(AudioToImageError, match="later version"):
        gallery.list()


def test_a_row_lost_in_a_crash_is_found_again(gallery: Gallery) -> None:
    kept = keep(gallery, "a boat")
    with sqlite3.connect(gallery.folder / index.FILE_NAME) as database:
        database.execute("DELETE FROM pictures")
        database.execute("DELETE FROM words")
    database.close()
    assert gallery.search("boat") == (kept,)


def test_files_moved_by_hand_are_found(gallery: Gallery) -> None:
    kept, gone = keep(gallery, "a boat"), keep(gallery, "a house")
    kept.path.rename(gallery.folder / "my boat.png")
    gone.path.unlink()
    assert [each.path.name for each in gallery.search("a")] == ["my boat.png"]


def test_a_file_with_a_forged_id_or_time_is_not_indexed(gallery: Gallery, tmp_path: Path) -> None:
    keep(gallery)
    for number, recipe in enumerate(
        (replace(PLAIN, id="../../escape", made="2026-01-01T00:00:00"), replace(PLAIN, id="a" * 10, made="../../x"))
    ):
        png.write_png(gallery.folder / f"{number}.png", pixels(), recipe)
    assert len(gallery.list()) == gallery.rebuild().pictures == 1


@pytest.mark.parametrize("place", [".", ".unfinished"])  # an earlier version wrote in the gallery itself
def test_unfinished_files_are_deleted_once_no_process_is_at_work(gallery: Gallery, place: str) -> None:
    keep(gallery)
    left = gallery.folder / place / f".20260101.png.1.aa{files.PART}"
    left.write_bytes(b"half")
    with files.lock(gallery.folder / ".lock", shared=True):  # another process is at work: it may be its file
        gallery.list()
        keep(gallery)
        assert left.exists()
    if place == ".":
        gallery.list()
    else:
        keep(gallery)
    assert not left.exists()


@pytest.fixture
def settled(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    """A gallery with one picture, compared with its index after a moment in which nothing changed."""
    monkeypatch.setattr(folder, "SETTLED_NS", 50_000_000)
    keep(gallery)
    time.sleep(0.1)
    gallery.list()
    return gallery


def test_a_folder_that_did_not_change_is_not_listed_again(settled: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(folder, "_listed", lambda _: pytest.fail("the folder was listed"))
        assert len(settled.list()) == len(settled.search("boat")) == len(settled.page("", "", 10)) == 1
        kept = keep(settled)
        assert settled.show(kept.id) == kept
    assert len(settled.list()) == 2


def test_changes_by_hand_after_a_comparison_are_noticed(settled: Gallery, tmp_path: Path) -> None:
    (kept,) = settled.list()
    copy = settled.folder / "copy.png"
    copy.write_bytes(kept.path.read_bytes())
    time.sleep(0.1)
    assert settled.list() == settled.list() == (kept,)
    kept.path.unlink()
    assert [each.path for each in settled.list()] == [copy]
    time.sleep(0.1)
    settled.list()
    copy.rename(tmp_path / "copy.png")
    assert settled.list() == ()


def test_a_picture_that_is_copied_in_slowly_is_found_when_it_is_whole(settled: Gallery, tmp_path: Path) -> None:
    recipe = complete_recipe(PLAIN)
    png.write_png(tmp_path / "new.png", pixels(), recipe)
    content = (tmp_path / "new.png").read_bytes()
    slow = settled.folder / "slow.png"
    slow.write_bytes(content[:50])
    time.sleep(0.1)
    assert len(settled.list()) == len(settled.list()) == 1
    with slow.open("ab") as file:  # the folder itself does not change
        file.write(content[50:])
    assert len(settled.list()) == 2


def test_reading_the_gallery_does_not_change_its_folder(gallery: Gallery) -> None:
    kept = keep(gallery)
    before = gallery.folder.stat().st_mtime_ns
    gallery.list()
    gallery.show(kept.id)
    assert gallery.folder.stat().st_mtime_ns == before


def test_a_source_is_decoded_once_for_all_its_pictures(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    source = gallery.find_source(keep(gallery).id[:8])
    read, count = png.read_pixels, list[Path]()

    def counted(path: Path) -> object:
        count.append(path)
        return read(path)

    monkeypatch.setattr(png, "read_pixels", counted)
    for _ in range(3):
        kept = gallery.keep(source.pixels, replace(PLAIN, strength=0.5), source=source)
        assert (kept.recipe.parent, kept.recipe.image) == (source.parent, "")
        assert kept.recipe.parent_pixels == kept.recipe.pixels
    assert count == [source.path]


def test_a_source_elsewhere_is_recorded_by_its_file_even_if_it_has_a_recipe(gallery: Gallery, tmp_path: Path) -> None:
    path, recipe = tmp_path / "other.png", complete_recipe(PLAIN)
    png.write_png(path, pixels(), recipe)
    source = gallery.find_source(str(path))
    assert (source.parent, source.image) == (recipe.id, files.sha256(path))


def test_the_trash_is_listed_and_emptied(gallery: Gallery) -> None:
    assert gallery.trashed() == ()
    first, second, third = (gallery.keep(pixels(), PLAIN) for _ in range(3))
    gallery.remove(first.id)
    gallery.remove(second.id)
    assert [kept.id for kept in gallery.trashed()] == [second.id, first.id]
    gallery.empty_trash()
    assert gallery.trashed() == ()
    assert [kept.id for kept in gallery.list()] == [third.id]
    assert not list(gallery.trash.iterdir())


def test_a_parent_is_found_here_in_the_trash_and_when_it_came_from_elsewhere(gallery: Gallery, tmp_path: Path) -> None:
    parent = keep(gallery)
    child = gallery.keep(pixels(), replace(PLAIN, strength=0.8), source=gallery.source_of(parent.path))
    assert (child.recipe.parent, child.recipe.parent_pixels) == (parent.id, parent.recipe.pixels)
    assert gallery.source(child.recipe) == parent.path
    moved = parent.path.rename(gallery.folder / "mine.png")
    assert gallery.source(child.recipe) == moved
    moved.rename(parent.path)
    removed = gallery.remove(parent.id)
    assert gallery.source(child.recipe) == removed.path
    photo = tmp_path / "photo.jpg"
    Image.fromarray(pixels()).save(photo)
    from_photo = gallery.keep(pixels(), replace(PLAIN, strength=0.8), source=gallery.source_of(photo))
    assert from_photo.recipe.image == files.sha256(photo)
    photo.unlink()
    assert gallery.source(from_photo.recipe).read_bytes()


def test_a_parent_that_changed_or_is_gone_is_one_clear_error(gallery: Gallery) -> None:
    parent = keep(gallery)
    child = gallery.keep(pixels(), replace(PLAIN, strength=0.8), source=gallery.source_of(parent.path))
    png.write_png(parent.path, pixels(), parent.recipe)
    with pytest.raises(AudioToImageError, match=parent.id):
        gallery.source(child.recipe)
    parent.path.unlink()
    with pytest.raises(AudioToImageError, match=parent.id):
        gallery.source(child.recipe)
    with pytest.raises(AudioToImageError):
        gallery.source(replace(PLAIN, parent="*", image="../*"))


def test_export_gives_readable_names(gallery: Gallery, tmp_path: Path) -> None:
    kept = keep(gallery, "A red/house: by the sea?", "secret words")
    (path,) = gallery.export([kept.id], tmp_path / "out")
    assert path.name == f"{kept.recipe.made[:10]}-a-red-house-by-the-sea-{kept.id}.png"
    assert png.read_png(path) == kept.recipe
    (bare,) = gallery.export([kept.id], tmp_path / "bare", bare=True)
    assert b"secret" not in bare.read_bytes()
    assert (png.read_pixels(bare) == png.read_pixels(kept.path)).all()


def test_fifty_writers_at_once_lose_nothing(gallery: Gallery) -> None:
    script = """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(10) as threads:
            list(threads.map(lambda _: gallery.keep(pixels, PLAIN), range(20)))
        gallery.list(1)
    """
    writers = [run(script, gallery.folder) for _ in range(5)]
    for writer in writers:
        output, _ = writer.communicate(timeout=100)
        assert writer.returncode == 0, output
    listed = gallery.list()
    assert len(listed) == len({each.id for each in listed}) == len(list(gallery.folder.glob("*.png"))) == 100


def test_rebuilding_and_removing_while_others_keep_loses_nothing(gallery: Gallery) -> None:
    keep(gallery)
    stop = threading.Event()

    def rebuild() -> None:
        while not stop.is_set():
            gallery.rebuild()

    with ThreadPoolExecutor(4) as threads:
        rebuilding = threads.submit(rebuild)
        kept = list(threads.map(lambda _: keep(gallery), range(30)))
        list(threads.map(lambda each: gallery.remove(each.id), kept[:10]))
        stop.set()
        rebuilding.result()
    assert {each.id for each in gallery.list()} >= {each.id for each in kept[10:]}
    assert len(gallery.list()) == 21


def test_kill_9_leaves_whole_pictures_and_a_sound_index(gallery: Gallery) -> None:
    script = """
        print("ready", flush=True)
        while True:
            gallery.keep(pixels, PLAIN)
    """
    for pause in (0.05, 0.11, 0.23):
        writer = run(script, gallery.folder)
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    listed = gallery.list()
    assert {each.path for each in listed} == set(gallery.folder.glob("*.png"))
    assert all(png.read_pixels(each.path).any() == 0 for each in listed)
    assert not list(gallery.folder.glob(f".*{files.PART}"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@needs_root
def test_a_full_disk_is_one_clear_error_and_no_half_picture(small_disk: Path) -> None:
    gallery = Gallery(small_disk)
    kept = [keep(gallery)]
    large = RANDOM.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    with pytest.raises(AudioToImageError, match="disk is full") as caught:
        kept.extend(gallery.keep(large, PLAIN) for _ in range(5))
    assert caught.value.hint
    assert {each.path for each in kept} == set(small_disk.glob("*.png"))
    assert not list(small_disk.glob(f".*{files.PART}"))


@needs_root
def test_a_folder_without_write_permission_is_one_clear_error(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o755)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.owner() == "root" and parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(0o755)
    script = """
        for attempt in (gallery.check_writable, lambda: gallery.keep(pixels, PLAIN)):
            try:
                attempt()
            except AudioToImageError as error:
                print(error, "|", error.hint)
    """
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    output, _ = run(script, folder, before=nobody).communicate(timeout=60)
    assert output.count("not allowed to write") == 2, output
    assert not list(folder.iterdir())
