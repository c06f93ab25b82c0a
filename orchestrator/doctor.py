"""What works on this machine: settings come in; findings go out, each with the command that repairs it.

Each check is a small function. `talk` works when none of them fails. Engines are asked in
child processes, and load nothing.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from orchestrator import catalogue, machine, record, shell
from orchestrator.errors import AudioToImageError
from orchestrator.hear.speech import ggml
from orchestrator.line.memory import enough_memory
from orchestrator.paint import Facts, open_painter
from orchestrator.settings import Settings
from orchestrator.worker import Opening, RemoteEngine
from orchestrator.worker.served import connect

CAPTURES = ("avfoundation", "pulse", "alsa")  # ffmpeg's devices that are microphones
SHORTCUTS_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
PROTECTED = ("Desktop", "Documents", "Downloads")  # macOS lets no program in the background run what is in here
PORT_SECONDS = 1.0
PLENTY, LEAST = 5e9, 1e8  # bytes on the disk: for both full models and air; for a recording and a picture
UNITS = {"cpu": "the processor", "gpu": "the GPU", "ne": "the Neural Engine", "all": "what Core ML chooses"}
OURSELVES = "audio-to-image doctor"  # what a dead child's error hints at
REINSTALL = "./shortcut_install.sh, or: make clean demo"
WHY = {"ne": "split_einsum attention is made for it", "gpu": "original attention runs there alone"}
ASK_PERMISSION = """
ObjC.import("Foundation"); ObjC.import("AVFoundation");
$.NSClassFromString("AVCaptureDevice").authorizationStatusForMediaType($.AVMediaTypeAudio).toString()
"""
PERMISSIONS = {"0": "not asked yet", "1": "forbidden by this Mac's profile", "2": "denied", "3": "granted"}
PRIVACY = "open 'x-apple.systempreferences:com.apple.preference.security?Privacy_Microphone'"

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found; `hint` is the command that repairs it."""

    name: str = ""  # of the check: CHECKS gives it
    state: State = "ok"
    text: str
    hint: str = ""


Check = Callable[[Settings], Finding | None]


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything that `talk` needs, in the order that a person would."""
    with ThreadPoolExecutor() as pool:
        for found in pool.map(lambda name: check(name, settings), CHECKS):
            if found:
                yield found


def check(name: str, settings: Settings) -> Finding | None:
    """Run one check; what it cannot do is what it found."""
    try:
        found = CHECKS[name](settings)
    except AudioToImageError as error:
        found = Finding(state="fail", text=str(error), hint=error.hint)
    return replace(found, name=name) if found else None


def _machine(_: Settings) -> Finding:
    it = machine.look()
    return Finding(text=f"{it.chip}, {machine.as_size(it.memory)} of memory, {it.system}")


def _python(_: Settings) -> Finding:
    return Finding(text=f"{platform.python_version()} in {sys.prefix}")


def _ffmpeg(_: Settings) -> Finding:
    program = shell.ffmpeg()
    answer = shell.run([program, "-hide_banner", "-devices"]).stdout.decode(errors="replace")
    number = shell.run([program, "-version"]).stdout.decode(errors="replace").split()[2:3]
    captures = [name for name in CAPTURES if re.search(rf"^ D\S*\s+{name}\b", answer, re.MULTILINE)]
    if not captures:
        raise AudioToImageError(
            f"{program} cannot record: it has none of {', '.join(CAPTURES)}", shell.install_hint("ffmpeg")
        )
    return Finding(text=f"{' '.join(number)} at {program}, records through {', '.join(captures)}")


def _microphone(settings: Settings) -> Finding:
    names = {each.id: each.name + (" (default)" if each.default else "") for each in record.devices()}
    if not names:
        raise AudioToImageError("no microphone", "plug one in, then: audio-to-image devices")
    if not any(identity.startswith(settings.device) for identity in names):  # macOS takes a name's beginning
        raise AudioToImageError(f"the microphone {settings.device!r} is not here", "audio-to-image devices")
    return Finding(text=", ".join(names.values()))


def _permission(_: Settings) -> Finding | None:
    """Ask macOS whether the program that started us may listen; asking shows no window."""
    if sys.platform != "darwin":
        return None
    answer = shell.run(["osascript", "-l", "JavaScript", "-e", ASK_PERMISSION]).stdout.decode().strip()
    status = PERMISSIONS.get(answer, "unknown")
    if answer in ("1", "2"):
        raise AudioToImageError(f"permission to use the microphone is {status}", PRIVACY)
    hint = "" if answer == "3" else "macOS asks at the first audio-to-image record"
    return Finding(state="warn" if hint else "ok", text=f"microphone: {status}", hint=hint)


def _whisper(settings: Settings) -> Finding:
    backends = whisper_backends(_asked("whisper"))
    program = shell.find("whisper-cli")
    if settings.hearer == "whisper-cli" and not program:
        raise AudioToImageError("whisper-cli is not on this machine", shell.install_hint("whisper-cpp"))
    ways = f"pywhispercpp {version('pywhispercpp')}" + (f", whisper-cli at {program}" if program else "")
    return Finding(text=f"{ways}; runs on {', '.join(backends)}")


def whisper_backends(info: str) -> tuple[str, ...]:
    """Read whisper.cpp's line about itself, such as "COREML = 0 | Metal : EMBED_LIBRARY = 1 | CPU : NEON = 1"."""
    groups = re.findall(r"(\w+) : (?=\w+ = )", info)
    on = re.findall(r"\b(COREML|OPENVINO) = 1", info)
    return (*on, *(name for name in dict.fromkeys(groups) if name != "WHISPER"))


def _onnx_runtime(_: Settings) -> Finding:
    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in _asked("onnx"))
    return Finding(text=f"{version('onnxruntime')}: {providers}")


def _speech_model(settings: Settings) -> Finding:
    chosen = catalogue.choose("speech", settings)
    ggml.check(chosen.path)
    return _model(chosen, "")


def _picture_model(settings: Settings) -> Finding:
    chosen = catalogue.choose("picture", settings)
    facts: Facts = _asked("picture", chosen.path, settings.engine, settings.compute_unit)
    where = UNITS[facts.compute_unit]
    why = f" ({WHY[facts.compute_unit]})" if facts.engine == "coreml" and settings.compute_unit == "auto" else ""
    return _model(chosen, f", runs on {where}{why} in {facts.engine}")


def _model(chosen: catalogue.Chosen, text: str) -> Finding:
    """Tell of a model that is here and whole: a demo one stands in for the full one, a large one may not fit."""
    if chosen.demo:
        return Finding(state="warn", text=f"the demo model{text}", hint="audio-to-image models get")
    tight = enough_memory(chosen)
    if tight:
        return Finding(state="warn", text=tight.text, hint=tight.hint)
    return Finding(text=f"{chosen.name}{text}, at {chosen.path}")


def _folder(settings: Settings) -> Finding:
    place = settings.data
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise AudioToImageError(f"not allowed to write {place}", f"ls -ld '{place}'")
    free = shutil.disk_usage(place).free
    state: State = "ok" if free >= PLENTY else "warn" if free >= LEAST else "fail"
    hint = "" if state == "ok" else "free some space: the full models take about 3 GB"
    return Finding(state=state, text=f"{machine.as_size(free)} free for {settings.data}", hint=hint)


def _shortcuts(_: Settings) -> Finding | None:
    """Look with Shortcuts' eyes: a bare PATH, and no folder that macOS protects."""
    if sys.platform != "darwin":
        return None
    home, here = Path.home(), Path(sys.prefix)
    if any(here.is_relative_to(home / name) for name in PROTECTED):
        text = f"Shortcuts may not run programs in {here}"
        return Finding(state="warn", text=text, hint="./shortcut_install.sh")
    return Finding(text=f"PATH={SHORTCUTS_PATH}, and yet found: {shell.ffmpeg()}")


def _studio(settings: Settings) -> Finding:
    """Tell whether `serve` runs, or could."""
    there = connect(settings.socket, "studio")
    if there:
        there.leave()
        return Finding(text=f"serve runs, process {there.greeting.pid}: {there.greeting.url}")
    with socket.socket() as taken:
        taken.settimeout(PORT_SECONDS)
        if taken.connect_ex(("127.0.0.1", settings.port)) == 0:
            hint = f"audio-to-image serve --port {settings.port + 1}"
            return Finding(state="warn", text=f"port {settings.port} is taken by another program", hint=hint)
    return Finding(text=f"serve does not run; port {settings.port} is free for it")


class Probe:
    """What engines tell of themselves before any model is loaded; lives in a child process."""

    def load(self) -> None:
        """Load nothing."""

    def whisper(self) -> str:
        import _pywhispercpp

        info: str = _pywhispercpp.whisper_print_system_info()
        return info

    def onnx(self) -> list[str]:
        import onnxruntime

        providers: list[str] = onnxruntime.get_available_providers()
        return providers

    def picture(self, model: Path, engine: str, compute_unit: str) -> Facts:
        return open_painter(model, engine=engine, compute_unit=compute_unit).facts


def _asked(question: str, *arguments: object) -> Any:
    """Ask a probe in a child process: native code may crash, and is slow to load."""
    probe: RemoteEngine[None] = RemoteEngine(Opening(role=question, path=f"{__name__}:Probe"))
    try:
        return probe.call(question, *arguments).result()
    except AudioToImageError as error:
        raise AudioToImageError(str(error), REINSTALL if error.hint == OURSELVES else error.hint) from error
    finally:
        probe.unload()


CHECKS: Mapping[str, Check] = {
    "machine": _machine,
    "python": _python,
    "ffmpeg": _ffmpeg,
    "microphone": _microphone,
    "permission": _permission,
    "whisper.cpp": _whisper,
    "onnx runtime": _onnx_runtime,
    "speech model": _speech_model,
    "picture model": _picture_model,
    "folder": _folder,
    "shortcuts": _shortcuts,
    "studio": _studio,
}
