"""List microphones, build ffmpeg's arguments to record from one, and explain why one gives no sound."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator import shell
from orchestrator.errors import AudioToImageError, Misuse
from orchestrator.files import kind
from orchestrator.sound import ffmpeg_arguments

ABORTED = -6  # macOS kills programs whose launcher may not ask for the microphone (SIGABRT)
PERMISSION = "allow this terminal in System Settings > Privacy & Security > Microphone, then restart it"


@dataclass(frozen=True, kw_only=True)
class Device:
    """A microphone; `id` is what `--device` takes."""

    id: str
    name: str
    default: bool = False


def system() -> str:
    """Return ffmpeg's input format for this machine's microphones: avfoundation, pulse or alsa."""
    if sys.platform == "darwin":
        return "avfoundation"
    if _pulse_runs():
        return "pulse"
    if any(Path("/dev/snd").glob("pcm*c")) and b" alsa " in shell.run([shell.ffmpeg(), "-devices"]).stdout:
        return "alsa"
    hint = f"start PulseAudio or PipeWire; for ALSA alone: {shell.install_hint('ffmpeg')}"
    raise AudioToImageError("there is no microphone here: no sound server is running", hint)


def arguments(system: str, device: str) -> list[str]:
    """Return the ffmpeg command that records from a device; '' is the default one."""
    if system == "avfoundation":
        return ffmpeg_arguments(f":{device or 'default'}", live=True, format=system)
    return ffmpeg_arguments(device or "default", live=True, format=system)


def devices() -> tuple[Device, ...]:
    """List the microphones."""
    input_format = system()
    if input_format == "avfoundation":
        command = [shell.ffmpeg(), "-hide_banner", "-f", input_format, "-list_devices", "true", "-i", ""]
        return tuple(parse_avfoundation(shell.run(command).stderr.decode(errors="replace")))
    command = [shell.ffmpeg(), "-hide_banner", "-sources", input_format]
    return tuple(parse_sources(shell.run(command).stdout.decode(errors="replace")))


def parse_avfoundation(listing: str) -> Iterator[Device]:
    """Parse ffmpeg's list of macOS devices, skipping cameras."""
    _, _, microphones = listing.partition("AVFoundation audio devices")
    names = re.findall(r"^\[AVFoundation [^\]]*\] \[\d+\] (.+)$", microphones, re.MULTILINE)
    for index, name in enumerate(names):
        # ffmpeg reads a leading digit as an index, splits at colons and matches prefixes.
        ambiguous = name[0].isdigit() or ":" in name or any(other.startswith(name) for other in names[:index])
        yield Device(id=str(index) if ambiguous else name, name=name)


def parse_sources(listing: str) -> Iterator[Device]:
    """Parse ffmpeg's list of sources: a star marks the default, then id and [name]."""
    for star, identity, name in re.findall(r"^([* ]) (\S+) \[(.*)\] \([^)]*\)$", listing, re.MULTILINE):
        yield Device(id=identity, name=name, default=star == "*")


def silent(system: str) -> AudioToImageError:
    """Return the error for a microphone that sent nothing in time, or only zeros on macOS."""
    if system == "avfoundation":
        why = "permission was denied or not granted yet, or it is muted"
        return AudioToImageError(f"the microphone gives no sound: {why}", PERMISSION)
    return AudioToImageError("the microphone gives no sound", "audio-to-image devices lists others for --device")


def unopened(system: str, device: str, code: int, stderr: bytes) -> AudioToImageError:
    """Return the error that says why ffmpeg exited before the first sample."""
    if system == "avfoundation" and (code == ABORTED or b"Cannot use" in stderr):
        return AudioToImageError("macOS refused the microphone", PERMISSION)
    known = devices()
    if not known:
        return AudioToImageError("there is no microphone here", "connect one; audio-to-image devices lists them")
    if device and device not in {each.id for each in known}:
        names = ", ".join(each.id for each in known)
        return Misuse(f"there is no microphone {device!r}", f"audio-to-image devices; these are connected: {names}")
    lines = stderr.decode(errors="replace").strip().splitlines()
    why = lines[-1] if lines else f"status {code}"
    return AudioToImageError(f"ffmpeg could not open the microphone: {why}", "audio-to-image doctor")


def _pulse_runs() -> bool:
    """Return whether PulseAudio or PipeWire has a socket for this user."""
    if os.environ.get("PULSE_SERVER"):
        return True
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    folder = os.environ.get("PULSE_RUNTIME_PATH") or f"{runtime}/pulse"
    return kind(Path(folder) / "native") == "other"  # a socket
