"""The Shortcut's property list, and its script run in an empty environment."""

from __future__ import annotations

import base64
import os
import plistlib
import shutil
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from microphone import Microphone, microphone

from orchestrator.errors import AudioToImageError
from orchestrator.mac import shortcut
from orchestrator.mac.shortcut import QUICK_ACTION, TALKING, Shortcut

__all__ = ["microphone"]

DEMO = Path(__file__).parent.parent / "models" / "demo"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
BARE = "/usr/bin:/bin:/usr/sbin:/sbin"
PREFIX = "is.workflow.actions."


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def run(
    text: str, *arguments: str, shell: str = "/bin/sh", home: Path = Path("/"), variables: Sequence[str] = ()
) -> str:
    """Run a shortcut's script as the app does: without a profile, with a bare PATH and little else."""
    command = ["env", "-i", f"PATH={BARE}", f"HOME={home}", *variables, shell, "-c", text, shell, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert not done.stderr
    return done.stdout


def actions(which: Shortcut) -> list[tuple[str, dict[str, Any]]]:
    listed = shortcut.workflow(which, Path("/x/audio-to-image"))["WFWorkflowActions"]
    assert all(each.keys() == {"WFWorkflowActionIdentifier", "WFWorkflowActionParameters"} for each in listed)
    return [
        (each["WFWorkflowActionIdentifier"].removeprefix(PREFIX), each["WFWorkflowActionParameters"]) for each in listed
    ]


def references(value: Any) -> list[dict[str, str]]:
    """Return all references to another action's output."""
    if isinstance(value, dict):
        inner = [found for each in value.values() for found in references(each)]
        return [value, *inner] if value.get("Type") == "ActionOutput" else inner
    return []


def test_a_picture_is_shown_and_copied_and_a_failure_is_shown_as_text() -> None:
    (_, script), (_, condition), (_, failure), *rest = actions(TALKING)
    output = {"Type": "ActionOutput", "OutputUUID": script["UUID"], "OutputName": "Shell Script Result"}
    attached = {"Value": output, "WFSerializationType": "WFTextTokenAttachment"}
    text = {"string": "\ufffc", "attachmentsByRange": {"{0, 1}": output}}
    decoded = rest[1][1]["UUID"]
    picture = {
        "Value": {"Type": "ActionOutput", "OutputUUID": decoded, "OutputName": "Base64 Encoded"},
        "WFSerializationType": "WFTextTokenAttachment",
    }
    group = condition["GroupingIdentifier"]
    assert [name for name, _ in actions(TALKING)[:3]] == ["runshellscript", "conditional", "showresult"]
    assert script.keys() == {"Script", "Shell", "UUID"}
    assert script["Shell"] == "/bin/sh"
    assert condition == {
        "GroupingIdentifier": group,
        "WFControlFlowMode": 0,
        "WFCondition": 99,
        "WFConditionalActionString": ": ",
        "WFInput": {"Type": "Variable", "Variable": attached},
    }
    assert failure == {"Text": {"Value": text, "WFSerializationType": "WFTextTokenString"}}
    assert rest == [
        ("conditional", {"GroupingIdentifier": group, "WFControlFlowMode": 1}),
        ("base64encode", {"WFEncodeMode": "Decode", "WFInput": attached, "UUID": decoded}),
        ("setclipboard", {"WFInput": picture}),
        ("previewdocument", {"WFInput": picture}),
        ("conditional", {"GroupingIdentifier": group, "WFControlFlowMode": 2}),
    ]


def test_the_quick_action_takes_files_as_arguments_and_appears_in_finder() -> None:
    workflow = shortcut.workflow(QUICK_ACTION, Path("/x/audio-to-image"))
    script = actions(QUICK_ACTION)[0][1]
    assert script["InputMode"] == "as arguments"
    assert script["Input"] == {"Value": {"Type": "ExtensionInput"}, "WFSerializationType": "WFTextTokenAttachment"}
    assert workflow["WFWorkflowTypes"] == ["QuickActions"]
    assert "Finder" in workflow["WFQuickActionSurfaces"]
    assert workflow["WFWorkflowHasShortcutInputVariables"]
    assert [name for name, _ in actions(QUICK_ACTION)] == ["runshellscript", "conditional", "showresult", "conditional"]


@pytest.mark.parametrize("which", [TALKING, QUICK_ACTION])
def test_a_shortcut_is_a_valid_and_stable_property_list_with_valid_references(which: Shortcut) -> None:
    workflow = shortcut.workflow(which, Path("/x/audio-to-image"))
    assert plistlib.loads(plistlib.dumps(workflow, fmt=plistlib.FMT_BINARY)) == workflow
    assert workflow["WFWorkflowMinimumClientVersion"] == 900
    assert workflow == shortcut.workflow(which, Path("/x/audio-to-image"))
    made = {parameters["UUID"] for _, parameters in actions(which) if "UUID" in parameters}
    assert {each["OutputUUID"] for _, parameters in actions(which) for each in references(parameters)} <= made
    assert all(each == each.upper() for each in made)


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash", "/bin/dash"])
def test_the_script_prints_the_picture_as_base64(tmp_path: Path, shell: str) -> None:
    if not Path(shell).exists():
        pytest.skip(f"no {shell}")
    picture = tmp_path / "a picture.png"
    picture.write_bytes(PNG)
    said = f'[ "$*" = "talk --once --now --no-open" ] || exit 2\necho listening >&2\necho "{picture}"'
    command = write_program(tmp_path / "it's here" / "audio-to-image", said)
    assert base64.b64decode(run(TALKING.text(command), shell=shell)) == PNG


def test_the_last_of_several_pictures_is_printed(tmp_path: Path) -> None:
    (tmp_path / "2.png").write_bytes(PNG)
    command = write_program(tmp_path / "audio-to-image", f'echo "{tmp_path}/1.png"; echo "{tmp_path}/2.png"')
    assert base64.b64decode(run(TALKING.text(command))) == PNG


def test_a_second_press_that_stops_listening_prints_a_note(tmp_path: Path) -> None:
    command = write_program(tmp_path / "audio-to-image", "echo 'stopped listening' >&2")
    assert run(TALKING.text(command)) == "note: stopped listening\n"
    assert ": " not in base64.encodebytes(PNG).decode()


def test_a_failure_prints_only_its_error_and_hint(tmp_path: Path) -> None:
    said = "echo 'listening: speak now' >&2; echo 'error: no speech heard' >&2; echo '  try: speak up' >&2; exit 3"
    command = write_program(tmp_path / "audio-to-image", said)
    assert run(TALKING.text(command)) == "error: no speech heard\n  try: speak up\n"


def test_a_crash_prints_its_status_and_last_lines(tmp_path: Path) -> None:
    command = write_program(tmp_path / "audio-to-image", "echo 'Bus error' >&2; exit 138")
    assert run(TALKING.text(command)) == "error: it ended with status 138\nBus error\n"


def test_a_missing_command_is_searched_in_the_usual_places_then_reported(tmp_path: Path) -> None:
    text = TALKING.text(tmp_path / "gone" / "audio-to-image")
    assert run(text, home=tmp_path).startswith("error: audio-to-image is not on this Mac\n  try: ")
    (tmp_path / "picture.png").write_bytes(PNG)
    write_program(tmp_path / ".local/bin/audio-to-image", f'echo "{tmp_path}/picture.png"')
    assert base64.b64decode(run(text, home=tmp_path)) == PNG


def test_the_quick_action_paints_beside_each_recording_and_overwrites_nothing(tmp_path: Path) -> None:
    said = '[ "$1 $2 $3 $4 $6" = "picture --count 1 --output --" ] || exit 2\n[ -e "$7" ] && echo painted >"$5"'
    command = write_program(tmp_path / "audio-to-image", said)
    folder = tmp_path / "my.recordings"
    folder.mkdir()
    for name in ("one two.m4a", "-x.wav", "plain"):
        (folder / name).write_bytes(b"sound")
    (folder / "plain.png").write_text("mine")
    assert (
        run(QUICK_ACTION.text(command), *(str(each) for each in sorted(folder.iterdir()) if each.suffix != ".png"))
        == ""
    )
    assert {each.name for each in folder.glob("*.png")} == {"one two.png", "-x.png", "plain.png", "plain 2.png"}
    assert (folder / "plain.png").read_text() == "mine"


def test_the_quick_action_reports_the_real_commands_error(tmp_path: Path) -> None:
    out = run(QUICK_ACTION.text(shortcut.our_command()), str(tmp_path / "nothing.wav"), home=tmp_path)
    assert out.startswith("error: ")
    assert "nothing.wav" in out
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.skipif(not (DEMO / "PICTURES.md").exists(), reason="the demo models are not made yet")
def test_speech_into_the_microphone_becomes_a_picture(microphone: Microphone, recording: Path, isolated: Path) -> None:
    where = [f"{name}={os.environ[name]}" for name in ("XDG_RUNTIME_DIR", "AUDIO_TO_IMAGE_DATA", "OMP_NUM_THREADS")]
    with ThreadPoolExecutor() as pool:
        shown = pool.submit(run, TALKING.text(shortcut.our_command()), home=isolated, variables=where)
        while not shown.done() and not list(isolated.rglob("*.part.wav")):
            time.sleep(0.05)
        microphone.play(recording)
    assert "error:" not in shown.result()
    assert base64.b64decode(shown.result()).startswith(PNG[:8])


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck")
@pytest.mark.parametrize("which", [TALKING, QUICK_ACTION])
def test_the_script_passes_shellcheck(tmp_path: Path, which: Shortcut) -> None:
    script = write_program(tmp_path / "script.sh", which.text(Path("/Users/o'hara/bin/audio-to-image")))
    subprocess.run(["shellcheck", str(script)], check=True)


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put fakes of macOS's `shortcuts` and `open` on PATH; opening a shortcut installs it."""
    folder = tmp_path / "mac"
    write_program(
        folder / "shortcuts",
        f'echo "$*" >>"{folder}/calls"\n'
        f'case $1 in list) cat "{folder}/list" 2>/dev/null || true ;; sign) cp "$5" "$7" ;; esac',
    )
    write_program(folder / "open", f'basename "$1" .shortcut >>"{folder}/list"')
    monkeypatch.setenv("PATH", f"{folder}:{BARE}")
    monkeypatch.setattr(shortcut, "TICK", 0.01)
    return folder


def test_install_signs_opens_and_waits_for_the_shortcut(mac: Path, tmp_path: Path) -> None:
    notes = [note.text for note in shortcut.install(TALKING, tmp_path / "out", Path("/x/audio-to-image"))]
    unsigned, final = tmp_path / "out/unsigned/Audio to Image.shortcut", tmp_path / "out/Audio to Image.shortcut"
    sign = f"sign --mode people-who-know-me --input {unsigned} --output {final}"
    assert notes == [
        "click 'Add Shortcut' in the window that opens: 'Audio to Image'",
        "the shortcut 'Audio to Image' is installed",
    ]
    assert (mac / "calls").read_text().splitlines()[:3] == ["list", sign, "list"]
    assert plistlib.loads(final.read_bytes()) == shortcut.workflow(TALKING, Path("/x/audio-to-image"))
    assert not unsigned.parent.exists()


def test_an_installed_shortcut_is_not_added_again(mac: Path, tmp_path: Path) -> None:
    for _ in range(2):
        list(shortcut.install(TALKING, tmp_path / "out", Path("/x/audio-to-image")))
    assert (mac / "list").read_text() == "Audio to Image\n"


def test_an_unconfirmed_shortcut_is_one_line_and_a_hint(
    mac: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(mac / "open", "exit 0")
    monkeypatch.setattr(shortcut, "PATIENCE", 0.05)
    with pytest.raises(AudioToImageError, match="was not added within") as caught:
        list(shortcut.install(TALKING, tmp_path / "out", Path("/x/audio-to-image")))
    assert caught.value.hint == "audio-to-image shortcut install"


def test_a_signing_failure_is_reported_and_leaves_no_file(mac: Path, tmp_path: Path) -> None:
    write_program(mac / "shortcuts", "echo 'Error: no identity' >&2; exit 1")
    with pytest.raises(AudioToImageError, match="shortcuts sign failed: Error: no identity"):
        shortcut.export(TALKING, tmp_path / "out", Path("/x/audio-to-image"))
    assert not list((tmp_path / "out").rglob("*"))


def test_uninstall_removes_the_file_and_explains_how_to_delete_the_shortcut(mac: Path, tmp_path: Path) -> None:
    list(shortcut.install(TALKING, tmp_path / "out", Path("/x/audio-to-image")))
    with pytest.raises(AudioToImageError, match="only the Shortcuts app can delete"):
        list(shortcut.uninstall(TALKING, tmp_path / "out"))
    assert not list((tmp_path / "out").iterdir())
    (mac / "list").unlink()
    assert [note.text for note in shortcut.uninstall(TALKING, tmp_path / "out")] == [
        "the shortcut 'Audio to Image' is removed"
    ]


@pytest.mark.skipif(bool(shutil.which("shortcuts")), reason="a Mac: it would sign")
def test_without_macos_export_writes_an_unsigned_file_and_install_fails_with_a_hint(tmp_path: Path) -> None:
    command = str(shortcut.our_command())
    done = subprocess.run([command, "shortcut", "export"], cwd=tmp_path, capture_output=True, text=True, check=True)
    written = plistlib.loads((tmp_path / done.stdout.strip()).read_bytes())
    assert command in written["WFWorkflowActions"][0]["WFWorkflowActionParameters"]["Script"]
    done = subprocess.run([command, "shortcut", "install"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "audio-to-image shortcut export" in done.stderr
