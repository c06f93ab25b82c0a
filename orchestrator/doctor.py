"""Check what works on this machine; each finding that is not ok has a hint that repairs it.

`talk` works if no check fails. Engines are queried in child processes, without loading a model.
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

CAPTURE_DEVICES = ("avfoundation", "pulse", "alsa")  # ffmpeg's microphone inputs
SHORTCUTS_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
PROTECTED = ("Desktop", "Documents", "Downloads")  # macOS keeps background programs out of these
PORT_SECONDS = 1.0
ENOUGH_SPACE, LITTLE_SPACE = 5e9, 1e8  # bytes: for both full models; for a recording and a picture
UNITS = {"cpu": "the processor", "gpu": "the GPU", "ne": "the Neural Engine", "all": "the units that Core ML chooses"}
DOCTOR = "audio-to-image doctor"  # the hint in a crashed child's error
REINSTALL = "./shortcut_install.sh, or: make clean demo"
UNIT_REASONS = {"ne": "split_einsum attention suits it", "gpu": "original attention runs only there"}
ASK_PERMISSION = """
ObjC.import("Foundation"); ObjC.import("AVFoundation");
$.NSClassFromString("AVCaptureDevice").authorizationStatusForMediaType($.AVMediaTypeAudio).toString()
"""
PERMISSIONS = {"0": "not asked yet", "1": "forbidden by this Mac's profile", "2": "denied", "3": "granted"}
PRIVACY = "open 'x-apple.systempreferences:com.apple.preference.security?Privacy_Microphone'"

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check; `hint` says how to repair it."""

    name: str = ""  # the check's key in CHECKS
    state: State = "ok"
    text: str
    hint: str = ""


Check = Callable[[Settings], Finding | None]


def examine(settings: Settings) -> Iterator[Finding]:
    """Run all checks at once and yield their findings in the order of CHECKS."""
    with ThreadPoolExecutor() as pool:
        for found in pool.map(lambda name: check(name, settings), CHECKS):
            if found:
                yield found


def check(name: str, settings: Settings) -> Finding | None:
    """Run one check; an error it raises becomes its finding."""
    try:
        found = CHECKS[name](settings)
    except AudioToImageError as error:
        found = Finding(state="fail", text=str(error), hint=error.hint)
    return replace(found, name=name) if found else None


def _machine(_: Settings) -> Finding:
    found = machine.look()
    return Finding(text=f"{found.chip}, {machine.as_size(found.memory)} of memory, {found.system}")


def _python(_: Settings) -> Finding:
    return Finding(text=f"{platform.python_version()} in {sys.prefix}")


def _ffmpeg(_: Settings) -> Finding:
    program = shell.ffmpeg()
    answer = shell.run([program, "-hide_banner", "-devices"]).stdout.decode(errors="replace")
    number = shell.run([program, "-version"]).stdout.decode(errors="replace").split()[2:3]
    captures = [name for name in CAPTURE_DEVICES if re.search(rf"^ D\S*\s+{name}\b", answer, re.MULTILINE)]
    if not captures:
        raise AudioToImageError(
            f"{program} cannot record: it has none of {', '.join(CAPTURE_DEVICES)}", shell.install_hint("ffmpeg")
        )
    return Finding(text=f"{' '.join(number)} at {program}, records through {', '.join(captures)}")


def _microphone(settings: Settings) -> Finding:
    names = {each.id: each.name + (" (default)" if each.default else "") for each in record.devices()}
    if not names:
        raise AudioToImageError("no microphone", "plug one in, then: audio-to-image devices")
    if not any(identity.startswith(settings.device) for identity in names):  # macOS accepts a prefix of the name
        raise AudioToImageError(f"there is no microphone {settings.device!r}", "audio-to-image devices")
    return Finding(text=", ".join(names.values()))


def _permission(_: Settings) -> Finding | None:
    """Check whether macOS lets the program that started us use the microphone; this opens no dialog."""
    if sys.platform != "darwin":
        return None
    answer = shell.run(["osascript", "-l", "JavaScript", "-e", ASK_PERMISSION]).stdout.decode().strip()
    status = PERMISSIONS.get(answer, "unknown")
    if answer in ("1", "2"):
        raise AudioToImageError(f"permission to use the microphone is {status}", PRIVACY)
    hint = "" if answer == "3" else "macOS asks when you first run audio-to-image record"
    return Finding(state="warn" if hint else "ok", text=f"microphone: {status}", hint=hint)


def _whisper(settings: Settings) -> Finding:
    backends = whisper_backends(_ask_probe("whisper"))
    program = shell.find("whisper-cli")
    if settings.hearer == "whisper-cli" and not program:
        raise AudioToImageError("whisper-cli is not on this machine", shell.install_hint("whisper-cpp"))
    found = f"pywhispercpp {version('pywhispercpp')}" + (f", whisper-cli at {program}" if program else "")
    return Finding(text=f"{found}; runs on {', '.join(backends)}")


def whisper_backends(info: str) -> tuple[str, ...]:
    """Parse whisper.cpp's system info, such as "COREML = 0 | Metal : EMBED_LIBRARY = 1 | CPU : NEON = 1"."""
    groups = re.findall(r"(\w+) : (?=\w+ = )", info)
    enabled = re.findall(r"\b(COREML|OPENVINO) = 1", info)
    return (*enabled, *(name for name in dict.fromkeys(groups) if name != "WHISPER"))


def _onnx_runtime(_: Settings) -> Finding:
    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in _ask_probe("onnx"))
    return Finding(text=f"{version('onnxruntime')}: {providers}")


def _speech_model(settings: Settings) -> Finding:
    chosen = catalogue.choose("speech", settings)
    ggml.check(chosen.path)
    return _model(chosen, "")


def _picture_model(settings: Settings) -> Finding:
    chosen = catalogue.choose("picture", settings)
    facts: Facts = _ask_probe("picture", chosen.path, settings.engine, settings.compute_unit)
    where = UNITS[facts.compute_unit]
    chosen_by_us = facts.engine == "coreml" and settings.compute_unit == "auto"
    why = f" ({UNIT_REASONS[facts.compute_unit]})" if chosen_by_us else ""
    return _model(chosen, f", runs on {where}{why} in {facts.engine}")


def _model(chosen: catalogue.Chosen, text: str) -> Finding:
    """Describe an installed model; warn if it is a demo model or may not fit into memory."""
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
    state: State = "ok" if free >= ENOUGH_SPACE else "warn" if free >= LITTLE_SPACE else "fail"
    hint = "" if state == "ok" else "free some space: the full models take about 3 GB"
    return Finding(state=state, text=f"{machine.as_size(free)} free for {settings.data}", hint=hint)


def _shortcuts(_: Settings) -> Finding | None:
    """Check as Shortcuts would run us: with a bare PATH, and outside folders that macOS protects."""
    if sys.platform != "darwin":
        return None
    home, here = Path.home(), Path(sys.prefix)
    if any(here.is_relative_to(home / name) for name in PROTECTED):
        text = f"Shortcuts may not run programs in {here}"
        return Finding(state="warn", text=text, hint="./shortcut_install.sh")
    return Finding(text=f"with PATH={SHORTCUTS_PATH} found: {shell.ffmpeg()}")


def _studio(settings: Settings) -> Finding:
    """Check whether `serve` runs, or whether its port is free."""
    served = connect(settings.socket, "studio")
    if served:
        served.leave()
        return Finding(text=f"serve is running, process {served.greeting.pid}: {served.greeting.url}")
    with socket.socket() as client:
        client.settimeout(PORT_SECONDS)
        if client.connect_ex(("127.0.0.1", settings.port)) == 0:
            hint = f"audio-to-image serve --port {settings.port + 1}"
            return Finding(state="warn", text=f"port {settings.port} is in use by another program", hint=hint)
    return Finding(text=f"serve is not running; port {settings.port} is free")


class Probe:
    """Queries to engines that need no model; runs in a child process."""

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


def _ask_probe(question: str, *arguments: object) -> Any:
    """Call a method of Probe in a child process, because native code may crash and is slow to import."""
    probe: RemoteEngine[None] = RemoteEngine(Opening(role=question, path=f"{__name__}:Probe"))
    try:
        return probe.call(question, *arguments).result()
    except AudioToImageError as error:
        raise AudioToImageError(str(error), REINSTALL if error.hint == DOCTOR else error.hint) from error
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
