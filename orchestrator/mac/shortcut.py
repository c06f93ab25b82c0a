"""Build, sign and install the macOS Shortcuts that run this program.

macOS lets no program install a shortcut: the user confirms each one in the Shortcuts app. docs/SHORTCUT.md lists what
is untested on a real Mac.
"""

from __future__ import annotations

import plistlib
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from orchestrator import shell
from orchestrator.errors import AudioToImageError
from orchestrator.events import Note
from orchestrator.files import make_folder, write_whole

SUFFIX = ".shortcut"
PATIENCE, TICK = 120.0, 1.0  # seconds: to wait for the user's click, and between two checks
CONTAINS = 99  # the If action's number for this comparison
IF, OTHERWISE, END_IF = 0, 1, 2
VARIABLE = "\N{OBJECT REPLACEMENT CHARACTER}"  # placeholder for a variable in a text
IN_WORDS = ": "  # marks a message: base64 has no colons or spaces
SCOPE = uuid.UUID("8a1f0d5e-6c1b-4f0e-9d0c-2f6f3f1c7a52")  # fixed, so that a shortcut's ids never change
HOW_TO_DELETE = "in the Shortcuts app, right-click it and choose Delete"

PRELUDE = """\
for a2i in "$command" "$HOME/.local/bin/audio-to-image" /opt/homebrew/bin/audio-to-image /usr/local/bin/audio-to-image
do [ -x "$a2i" ] && break; done
[ -x "$a2i" ] || { echo "error: audio-to-image is not on this Mac"; echo "  try: ./shortcut_install.sh"; exit 0; }
said=$(mktemp) || exit
trap 'rm -f "$said"' EXIT
failed() { sed -n '/^error:/,$p' "$said" | grep . || { echo "error: it ended with status $1"; tail -n 3 "$said"; }; }
"""
TALK = """\
if pictures=$("$a2i" talk --once --now --no-open </dev/null 2>"$said")
then
    if [ -n "$pictures" ]
    then base64 <"$(printf '%s\\n' "$pictures" | tail -n 1)"
    else printf 'note: %s\\n' "$(tail -n 1 "$said")"
    fi
else failed "$?"
fi
"""
BESIDE = """\
for recording do
    name=${recording##*/}
    beside=${recording%"$name"}${name%.*}
    picture=$beside.png
    number=1
    while [ -e "$picture" ]; do number=$((number + 1)); picture="$beside $number.png"; done
    "$a2i" picture --count 1 --output "$picture" -- "$recording" </dev/null >/dev/null 2>"$said" || failed "$?"
done
"""


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """A shortcut: its name in the app, where macOS offers it, its input and its script."""

    name: str
    script: str
    shows_picture: bool = False
    types: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    def text(self, command: Path) -> str:
        """Return the script for /bin/sh with a bare PATH and no profile. It prints errors on stdout and exits 0."""
        return f"command={quote(str(command))}\n{PRELUDE}{self.script}"


TALKING = Shortcut(name="Audio to Image", script=TALK, shows_picture=True, types=("MenuBar",))
QUICK_ACTION = Shortcut(
    name="Picture of Recording",
    script=BESIDE,
    types=("QuickActions",),
    surfaces=("Finder", "Services"),
    takes=("WFAVAssetContentItem", "WFGenericFileContentItem"),
)


def our_command() -> Path:
    """Return the path of the audio-to-image command in this Python's environment."""
    return Path(sys.executable).parent / "audio-to-image"


def workflow(shortcut: Shortcut, command: Path) -> dict[str, Any]:
    """Return a shortcut's property list."""
    run, said = _script(shortcut, command), _output(shortcut, "script", "Shell Script Result")
    decode = _action("base64encode", WFEncodeMode="Decode", WFInput=_attached(said), UUID=_id(shortcut, "decode"))
    picture = _attached(_output(shortcut, "decode", "Base64 Encoded"))
    shown = (decode, _action("setclipboard", WFInput=picture), _action("previewdocument", WFInput=picture))
    actions = [
        run,
        _if(shortcut, IF, WFCondition=CONTAINS, WFConditionalActionString=IN_WORDS, WFInput=_variable(said)),
        _action("showresult", Text=_text(said)),
        *((_if(shortcut, OTHERWISE), *shown) if shortcut.shows_picture else ()),
        _if(shortcut, END_IF),
    ]
    return {
        "WFWorkflowActions": actions,
        "WFWorkflowClientVersion": "2605.0.5",
        "WFWorkflowHasOutputFallback": False,
        "WFWorkflowHasShortcutInputVariables": bool(shortcut.takes),
        "WFWorkflowIcon": {"WFWorkflowIconGlyphNumber": 59511, "WFWorkflowIconStartColor": 4282601983},
        "WFWorkflowImportQuestions": [],
        "WFWorkflowInputContentItemClasses": list(shortcut.takes),
        "WFWorkflowMinimumClientVersion": 900,
        "WFWorkflowMinimumClientVersionString": "900",
        "WFWorkflowOutputContentItemClasses": [],
        "WFWorkflowTypes": list(shortcut.types),
        "WFQuickActionSurfaces": list(shortcut.surfaces),
    }


def export(shortcut: Shortcut, folder: Path, command: Path) -> Path:
    """Write a shortcut's file to a folder, signed if this is a Mac, and return its path."""
    make_folder(folder)
    final, tool = folder / f"{shortcut.name}{SUFFIX}", shell.find("shortcuts")
    content = plistlib.dumps(workflow(shortcut, command), fmt=plistlib.FMT_BINARY)
    if not tool:
        write_whole(final, content)
        return final
    unsigned = make_folder(folder / "unsigned") / final.name
    write_whole(unsigned, content)
    try:
        _shortcuts(tool, "sign", "--mode", "people-who-know-me", "--input", str(unsigned), "--output", str(final))
    finally:
        unsigned.unlink()
        unsigned.parent.rmdir()
    return final


def install(shortcut: Shortcut, folder: Path, command: Path) -> Iterator[Note]:
    """Sign a shortcut, open it for the user to confirm, and wait until the app has it."""
    tool = _require_shortcuts()
    if shortcut.name in listed(tool):
        yield Note(text=f"the shortcut {shortcut.name!r} is already installed", hint=f"to replace it, {HOW_TO_DELETE}")
        return
    shell.run([shell.find("open") or "open", str(export(shortcut, folder, command))])
    yield Note(text=f"click 'Add Shortcut' in the window that opens: {shortcut.name!r}")
    deadline = time.monotonic() + PATIENCE
    while shortcut.name not in listed(tool):
        if time.monotonic() > deadline:
            text = f"the shortcut {shortcut.name!r} was not added within {PATIENCE:.0f} s"
            raise AudioToImageError(text, "audio-to-image shortcut install")
        time.sleep(TICK)
    yield Note(text=f"the shortcut {shortcut.name!r} is installed", hint="give it a keyboard shortcut in its details")


def uninstall(shortcut: Shortcut, folder: Path) -> Iterator[Note]:
    """Remove the exported file; raise an error with instructions if the app still has the shortcut."""
    (folder / f"{shortcut.name}{SUFFIX}").unlink(missing_ok=True)
    if shortcut.name in listed(_require_shortcuts()):
        raise AudioToImageError(f"only the Shortcuts app can delete the shortcut {shortcut.name!r}", HOW_TO_DELETE)
    yield Note(text=f"the shortcut {shortcut.name!r} is removed")


def listed(tool: str) -> list[str]:
    """Return the names of the shortcuts that the app has."""
    return _shortcuts(tool, "list").splitlines()


def _require_shortcuts() -> str:
    tool = shell.find("shortcuts")
    if not tool:
        raise AudioToImageError("Shortcuts exists only on macOS", "audio-to-image shortcut export")
    return tool


def _shortcuts(tool: str, *arguments: str) -> str:
    answer = shell.run([tool, *arguments])
    if answer.returncode:
        reason = answer.stderr.decode(errors="replace").strip() or f"status {answer.returncode}"
        raise AudioToImageError(
            f"shortcuts {arguments[0]} failed: {reason}", "open the Shortcuts app once, then try again"
        )
    return answer.stdout.decode(errors="replace")


def _script(shortcut: Shortcut, command: Path) -> dict[str, Any]:
    received = {"Input": _attached({"Type": "ExtensionInput"}), "InputMode": "as arguments"} if shortcut.takes else {}
    text = shortcut.text(command)
    return _action("runshellscript", Script=text, Shell="/bin/sh", UUID=_id(shortcut, "script"), **received)


def _action(name: str, **parameters: Any) -> dict[str, Any]:
    return {
        "WFWorkflowActionIdentifier": f"is.workflow.actions.{name}",
        "WFWorkflowActionParameters": parameters,
    }


def _if(shortcut: Shortcut, part: int, **parameters: Any) -> dict[str, Any]:
    group = _id(shortcut, "if")
    return _action("conditional", GroupingIdentifier=group, WFControlFlowMode=part, **parameters)


def _output(shortcut: Shortcut, action: str, name: str) -> dict[str, str]:
    """Return a reference to another action's output."""
    return {"Type": "ActionOutput", "OutputUUID": _id(shortcut, action), "OutputName": name}


def _attached(reference: dict[str, str]) -> dict[str, Any]:
    return {"Value": reference, "WFSerializationType": "WFTextTokenAttachment"}


def _variable(reference: dict[str, str]) -> dict[str, Any]:
    return {"Type": "Variable", "Variable": _attached(reference)}


def _text(reference: dict[str, str]) -> dict[str, Any]:
    value = {"string": VARIABLE, "attachmentsByRange": {"{0, 1}": reference}}
    return {"Value": value, "WFSerializationType": "WFTextTokenString"}


def _id(shortcut: Shortcut, part: str) -> str:
    return str(uuid.uuid5(SCOPE, f"{shortcut.name}/{part}")).upper()
