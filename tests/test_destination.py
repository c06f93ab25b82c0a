"""Where pictures go: refused before anything is painted, never overwritten, and in the gallery as well."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_cli import COMMAND, run
from test_recipe import PLAIN

from orchestrator import events, files
from orchestrator import picture as png
from orchestrator.cli import commands
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.gallery import Gallery, complete_recipe
from orchestrator.line.destination import STDOUT, Destination, make_destination
from orchestrator.settings import load

PIXELS = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
RECIPE = complete_recipe(PLAIN)
PAINT = ("paint", "a red house", "--steps", "1", "--seed", "4")
FORBIDDEN = ("--model", "no such model")  # a model is looked up before an engine is loaded, and after the destination
quick = pytest.mark.quick


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def make(output: str | None, *, recordings: int | None = 1, force: bool = False, **chosen: Any) -> Destination:
    path = None if output is None else Path(output)
    return make_destination(load({"output": path, **chosen}), force=force, recordings=recordings)


# output, count, recordings: where the pictures of each recording go
PLACES = [
    (None, 3, 1, [[None, None, None]]),
    ("-", 1, 1, [[None]]),
    ("y.png", 1, 1, [["y.png"]]),
    ("y.jpg", 1, 1, [["y.jpg"]]),
    ("Y.WEBP", 1, 1, [["Y.WEBP"]]),
    ("y.png", 3, 1, [["y-1.png", "y-2.png", "y-3.png"]]),
    ("y.png", 1, 2, [["y-1.png"], ["y-2.png"]]),
    ("y.jpeg", 2, 2, [["y-1.jpeg", "y-2.jpeg"], ["y-3.jpeg", "y-4.jpeg"]]),
]


@quick
@pytest.mark.parametrize(("output", "count", "recordings", "places"), PLACES)
def test_several_pictures_are_numbered(
    output: str | None, count: int, recordings: int, places: list[list[str | None]]
) -> None:
    made = make(output, count=count, recordings=recordings)
    found = [
        [made.for_recording(recording).path(number, RECIPE) for number in range(count)]
        for recording in range(recordings)
    ]
    assert found == [[Path(each) if each else None for each in some] for some in places]


@quick
@pytest.mark.parametrize("recordings", [1, 2, None])
@pytest.mark.parametrize("output", ["pics", "pics/", "a/b/pics", ".pics", ".", "there.d"])
def test_a_name_without_a_suffix_is_a_folder_and_is_made_for_the_first_picture(
    output: str, recordings: int | None, here: Path
) -> None:
    (here / "there.d").mkdir()
    made = make(output, recordings=recordings, count=2)
    assert made.folder
    assert sorted(here.rglob("*")) == [here / "there.d"]  # a destination that is only checked leaves nothing
    paths = [made.path(number, complete_recipe(PLAIN)) for number in range(2)]
    assert len(set(paths)) == 2
    list(made.write(events.Kept(id=RECIPE.id, path=STDOUT, recipe=RECIPE), PIXELS, 0))
    (written,) = (here / output).glob("*.png")
    assert RECIPE.id in written.name


# output, the rest of what is chosen, the message, the hint
REFUSED: list[tuple[str | None, dict[str, Any], str, str]] = [
    ("file.png", {}, "file.png already exists", "--force"),
    ("file.png", {"count": 3}, "file-2.png already exists", "--force"),
    ("folder.png/x.png/y.png", {}, "there is no folder folder.png/x.png", "mkdir -p folder.png/x.png"),
    ("new/y.png", {}, "there is no folder new", "mkdir -p new"),
    ("file.png/y.png", {}, "file.png is not a folder", "ls -ld file.png"),
    ("file.png/pics", {}, "file.png is not a folder", "ls -ld file.png"),
    ("pics", {}, "pics is a file", "--output pics.png"),
    ("gone", {}, "gone is not a folder", "ls -ld gone"),
    ("gone.png", {}, "gone.png already exists", "--force"),
    ("pipe", {}, "pipe is not a folder", "ls -ld pipe"),
    ("pipe.png", {"force": True}, "pipe.png is not a file that can be replaced", "choose another place"),
    ("y.gif", {}, "y.gif does not end in .png, .jpg or .webp", "--output y.png"),
    ("v1.5", {}, "v1.5 does not end in .png", "--output v1.png"),
    (f"{'y' * 300}.png", {}, "cannot write yyy", "ls -ld ."),
    ("y\0.png", {}, "cannot be the name of a file", "--output picture.png"),
    ("-", {"count": 2}, "standard output takes one picture, not 2", "--output pictures"),
    ("-", {"recordings": 2}, "standard output takes one picture, not 2", "--output pictures"),
    ("-", {"recordings": None}, "- is one file for many pictures", "--once"),
    ("y.png", {"recordings": None}, "y.png is one file for many pictures", "--once"),
    (None, {"keep": False}, "kept nowhere", "--output pictures"),
]


@quick
@pytest.mark.parametrize(("output", "chosen", "message", "hint"), REFUSED)
def test_what_cannot_be_written_is_refused(
    output: str | None, chosen: dict[str, Any], message: str, hint: str, here: Path
) -> None:
    for name in ("file.png", "file-2.png", "pics"):
        (here / name).write_bytes(b"mine")
    (here / "folder.png").mkdir()
    (here / "gone").symlink_to("nothing")
    (here / "gone.png").symlink_to("nothing")
    for name in ("pipe", "pipe.png"):
        subprocess.run(["mkfifo", name], check=True)
    before = sorted(here.rglob("*"))
    with pytest.raises(AudioToImageError, match=message) as caught:
        make(output, **chosen)
    assert hint in caught.value.hint
    assert sorted(here.rglob("*")) == before


@quick
def test_the_gallery_itself_is_no_destination(here: Path) -> None:
    gallery = Gallery(load().gallery)
    gallery.keep(PIXELS, PLAIN)
    (here / "link").symlink_to(gallery.folder)
    for output in (gallery.folder, gallery.folder / "y.png", here / "link"):
        with pytest.raises(Misuse, match="is the gallery"):
            make(str(output))


@quick
def test_a_gallery_that_cannot_be_written_is_refused_unless_it_is_off(isolated: Path) -> None:
    (isolated / "data").write_bytes(b"in the way")
    with pytest.raises(AudioToImageError, match="--no-keep paints without the gallery") as caught:
        make("y.png")
    assert caught.value.hint
    assert make("y.png", keep=False).path(0, RECIPE) == Path("y.png")


@quick
def test_a_terminal_is_not_given_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(Misuse, match="is a terminal"):
        make("-")


@quick
def test_force_overwrites_and_without_it_a_file_that_appears_meanwhile_stays(here: Path) -> None:
    made, kept = make("y.png"), Gallery(load().gallery).keep(PIXELS, PLAIN)
    (here / "y.png").write_bytes(b"mine")
    stream = made.write(kept, PIXELS, 0)
    note = next(stream)
    assert isinstance(note, events.Note)
    assert str(kept.path) in note.text
    with pytest.raises(Misuse, match="already exists"):
        list(stream)
    assert (here / "y.png").read_bytes() == b"mine"
    list(make("y.png", force=True).write(kept, PIXELS, 0))
    assert png.read_png(here / "y.png") == kept.recipe
    assert list(here.iterdir()) == [here / "y.png"]


@quick
def test_a_file_system_without_hard_links_does_not_overwrite_either(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(files.os, "link", refuse)
    files.write_whole(here / "y.png", b"first", replace=False)
    with pytest.raises(Misuse, match="already exists"):
        files.write_whole(here / "y.png", b"second", replace=False)
    assert [each.read_bytes() for each in here.iterdir()] == [b"first"]


@quick
@pytest.mark.parametrize("suffix", png.FORMATS)
def test_every_format_holds_the_recipe(suffix: str, here: Path) -> None:
    gallery, path = Gallery(load().gallery), here / f"y{suffix}"
    recipe = replace(PLAIN, prompt="ein rotes Haus: 家 🏠", transcript="a red house")
    (kept,) = make(str(path)).keep_picture(gallery, PIXELS, recipe, None, 0)
    assert isinstance(kept, events.Kept)
    assert (kept.path, kept.gallery) == (path, gallery.show(kept.id).path)
    assert png.read_recipe(path) == kept.recipe == png.read_png(gallery.show(kept.id).path)
    assert gallery.source_of(path).parent == kept.id
    error = np.abs(png.read_pixels(path).astype(int) - PIXELS)
    assert error.max() <= (40 if suffix in (".jpg", ".jpeg") else 0)  # 8x8 pixels of a steep gradient, at quality 95


@quick
@pytest.mark.parametrize(("suffix", "lost"), [(".png", False), (".webp", False), (".jpg", True)])
def test_a_recipe_that_a_format_cannot_hold_is_named(suffix: str, lost: bool, here: Path) -> None:
    recipe = replace(PLAIN, transcript="a red house " * 7000)
    *notes, kept = make(f"y{suffix}").keep_picture(Gallery(load().gallery), PIXELS, recipe, None, 0)
    assert [note.text for note in notes if isinstance(note, events.Note)] == (
        ["y.jpg has no recipe, which is too long for JPEG"] if lost else []
    )
    assert isinstance(kept, events.Kept)
    assert (png.read_recipe(here / f"y{suffix}") is None) == lost
    assert png.read_pixels(here / f"y{suffix}").shape == PIXELS.shape


@quick
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: data.replace(b'"', b"\xff")])
@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_a_damaged_picture_has_no_recipe(suffix: str, damage: Callable[[bytes], bytes], here: Path) -> None:
    path = here / f"y{suffix}"
    path.write_bytes(damage(png.encode(PIXELS, RECIPE, suffix)))
    assert png.read_recipe(path) is None or suffix == ".jpg"  # a JPEG's recipe stands at its beginning
    assert png.read_recipe(here) is None
    assert png.read_recipe(here / "no such file.jpg") is None


@quick
def test_without_the_gallery_a_picture_has_the_same_recipe(here: Path) -> None:
    gallery = Gallery(load().gallery)
    (kept,) = make("y.png", keep=False).keep_picture(gallery, PIXELS, PLAIN, None, 0)
    assert isinstance(kept, events.Kept)
    assert (kept.path, kept.gallery) == (Path("y.png"), None)
    assert kept.id == kept.recipe.id
    assert kept.recipe.made
    assert png.read_png(here / "y.png") == kept.recipe
    assert kept.recipe.pixels == png.pixels_digest(PIXELS)
    assert not gallery.folder.exists()


@quick
def test_pictures_of_a_server_are_written_as_well(here: Path) -> None:
    kept = Gallery(load().gallery).keep(PIXELS, PLAIN)
    said = events.Note(text="listening")
    first, second, third = make("y.png", count=2).write_all([said, kept, kept])
    assert first == said
    assert [each.path for each in (second, third) if isinstance(each, events.Kept)] == [
        Path("y-1.png"),
        Path("y-2.png"),
    ]
    assert png.read_png(here / "y-2.png") == kept.recipe
    assert list(make(None).write_all([said, kept])) == [said, kept]


def test_one_picture_goes_to_standard_output_and_nothing_else_does(isolated: Path) -> None:
    done = subprocess.run([COMMAND, *PAINT, "-o", "-", "--timings"], capture_output=True, check=True)
    (kept,) = Gallery(isolated / "data" / "gallery").list()
    assert done.stdout == kept.path.read_bytes()
    assert b"time:" in done.stderr
    done = subprocess.run([COMMAND, *PAINT, "-o", "-", "--no-keep"], capture_output=True, check=True)
    assert Image.open(io.BytesIO(done.stdout)).size == (kept.recipe.width, kept.recipe.height)
    assert len(Gallery(isolated / "data" / "gallery").list()) == 1


def test_every_picture_is_in_the_gallery_too_and_is_never_overwritten(here: Path, isolated: Path) -> None:
    gallery = Gallery(isolated / "data" / "gallery")
    done = run(*PAINT, "--count", "2", "-o", "y.png", "--json")
    kept = [json.loads(line) for line in done.stdout.splitlines() if '"event": "kept"' in line]
    assert [each["path"] for each in kept] == ["y-1.png", "y-2.png"]
    assert {Path(each["gallery"]) for each in kept} == {each.path for each in gallery.list()}
    (here / "y-1.png").unlink()
    for command in (PAINT, ("gallery", "repaint", kept[0]["id"])):
        again = run(*command, "-o", "y-2.png")
        assert (again.returncode, again.stdout) == (2, ""), again.stderr
        assert "already exists" in again.stderr
    assert run(*PAINT, "--count", "2", "-o", "y.png").returncode == 2
    assert [each.name for each in here.iterdir()] == ["y-2.png"]
    done = run("gallery", "repaint", kept[0]["id"], "-o", "y-2.png", "--force", "--no-keep")
    assert (done.returncode, done.stdout) == (0, "y-2.png\n"), done.stderr
    assert len(gallery.list()) == 2


def test_a_setting_and_a_variable_follow_the_same_rules(here: Path, isolated: Path) -> None:
    config = isolated / ".config" / "audio-to-image"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text('output = "~/pictures"\n')
    for _ in range(2):
        (path,) = run(*PAINT).stdout.splitlines()
        assert Path(path).parent == isolated / "pictures"
    assert len(list((isolated / "pictures").iterdir())) == len(Gallery(isolated / "data" / "gallery").list()) == 2
    done = run(*PAINT, AUDIO_TO_IMAGE_OUTPUT="y.webp", AUDIO_TO_IMAGE_KEEP="no")
    assert (done.returncode, done.stdout) == (0, "y.webp\n"), done.stderr
    assert len(Gallery(isolated / "data" / "gallery").list()) == 2
    assert png.read_recipe(here / "y.webp")


def test_recordings_are_numbered_by_their_place(recording: Path, silence: Path, here: Path) -> None:
    done = run("picture", str(silence), str(recording), "--steps", "1", "-o", "y.jpg")
    assert (done.returncode, done.stdout) == (3, "y-2.jpg\n"), done.stderr
    assert png.read_recipe(here / "y-2.jpg")


@pytest.mark.parametrize(
    "arguments",
    [
        (*PAINT, "-o", "y.gif", *FORBIDDEN),
        (*PAINT, "-o", "new/y.png", *FORBIDDEN),
        (*PAINT, "-o", "-", "--json"),
        (*PAINT, "--no-keep", *FORBIDDEN),
        ("picture", "no-such.wav", "-o", "y.gif", *FORBIDDEN),
        ("talk", "--once", "-o", "y.gif", *FORBIDDEN),
        ("talk", "-o", "y.png", *FORBIDDEN),
    ],
)
def test_a_wrong_destination_is_misuse_in_every_verb_before_a_model_is_looked_for(
    arguments: tuple[str, ...], here: Path
) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "no such model" not in done.stderr
    assert "\n  try: " in done.stderr
    assert not list(here.iterdir())


def test_the_setting_for_pictures_does_not_name_a_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = list[Path]()

    def remember(path: Path, **_: object) -> Iterator[events.Event]:
        paths.append(path)
        yield events.Recorded(path=path, seconds=1.0, why="key")

    monkeypatch.setattr("orchestrator.line.pipeline.record.record", remember)
    monkeypatch.setattr("orchestrator.cli.line._stop_on_signals", lambda _: None)
    monkeypatch.setenv("AUDIO_TO_IMAGE_OUTPUT", "y.png")
    for arguments in (["record"], ["record", "--output", "said.wav"]):
        commands.main(arguments, standalone_mode=False)
    assert [path.parent for path in paths] == [load().recordings, Path()]
