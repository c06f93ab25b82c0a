"""Microphones: the platform comes in; a list of devices, ffmpeg's argument list for one, and clear errors go out."""

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

ABORTED = -6  # how macOS ends a program whose launcher may never ask for the microphone
PERMISSION = "allow this terminal in System Settings > Privacy & Security > Microphone, then start it anew"


@dataclass(frozen=True, kw_only=True)
class Device:
    """A microphone; `id` is what `--device` takes."""

    id: str
    name: str
    default: bool = False


def system() -> str:
    """Name the way to microphones here, as ffmpeg calls it: avfoundation, pulse or alsa."""
    if sys.platform == "darwin":
        return "avfoundation"
    if _pulse_runs():
        return "pulse"
    if any(Path("/dev/snd").glob("pcm*c")) and b" alsa " in shell.run([shell.ffmpeg(), "-devices"]).stdout:
        return "alsa"
    hint = f"start PulseAudio or PipeWire; for ALSA alone: {shell.install_hint('ffmpeg')}"
    raise AudioToImageError("there is no microphone here: no sound server runs", hint)


def arguments(system: str, device: str) -> list[str]:
    """Ask ffmpeg for a microphone's sound; no device is the system's default."""
    if system == "avfoundation":
        return ffmpeg_arguments(f":{device or 'default'}", live=True, format=system)
    return ffmpeg_arguments(device or "default", live=True, format=system)


def devices() -> tuple[Device, ...]:
    """List the microphones."""
    found = system()
    if found == "avfoundation":
        listing = [shell.ffmpeg(), "-hide_banner", "-f", found, "-list_devices", "true", "-i", ""]
        return tuple(parse_avfoundation(shell.run(listing).stderr.decode(errors="replace")))
    listing = [shell.ffmpeg(), "-hide_banner", "-sources", found]
    return tuple(parse_sources(shell.run(listing).stdout.decode(errors="replace")))


def parse_avfoundation(listing: str) -> Iterator[Device]:
    """Read ffmpeg's list of macOS devices; cameras come first and are skipped."""
    _, _, microphones = listing.partition("AVFoundation audio devices")
    names = re.findall(r"^\[AVFoundation [^\]]*\] \[\d+\] (.+)$", microphones, re.MULTILINE)
    for index, name in enumerate(names):
        # ffmpeg takes what begins with a digit for an index, splits at colons, and is content with a prefix.
        ambiguous = name[0].isdigit() or ":" in name or any(other.startswith(name) for other in names[:index])
        yield Device(id=str(index) if ambiguous else name, name=name)


def parse_sources(listing: str) -> Iterator[Device]:
    """Read ffmpeg's list of sources: a star before the default, the id, and a name in brackets."""
    for star, identity, name in re.findall(r"^([* ]) (\S+) \[(.*)\] \([^)]*\)$", listing, re.MULTILINE):
        yield Device(id=identity, name=name, default=star == "*")


def silent(system: str) -> AudioToImageError:
    """Say that nothing came in time: not one sample, or on macOS nothing but zeros."""
    if system == "avfoundation":
        why = "permission was refused or is still asked for, or it is muted"
        return AudioToImageError(f"the microphone gives no sound: {why}", PERMISSION)
    return AudioToImageError("the microphone gives no sound", "audio-to-image devices lists others for --device")


def unopened(system: str, device: str, code: int, complaints: bytes) -> AudioToImageError:
    """Say why ffmpeg ended before the first sample."""
    if system == "avfoundation" and (code == ABORTED or b"Cannot use" in complaints):
        return AudioToImageError("macOS refused the microphone", PERMISSION)
    known = devices()
    if not known:
        return AudioToImageError("there is no microphone here", "connect one; audio-to-image devices lists them")
    if device and device not in {each.id for each in known}:
        names = ", ".join(each.id for each in known)
        return Misuse(f"there is no microphone {device!r}", f"audio-to-image devices; here are: {names}")
    words = complaints.decode(errors="replace").strip().splitlines()
    why = words[-1] if words else f"status {code}"
    return AudioToImageError(f"ffmpeg could not open the microphone: {why}", "audio-to-image doctor")


def _pulse_runs() -> bool:
    """Look where PulseAudio and PipeWire put their socket."""
    if os.environ.get("PULSE_SERVER"):
        return True
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    folder = os.environ.get("PULSE_RUNTIME_PATH") or f"{runtime}/pulse"
    return kind(Path(folder) / "native") == "other"  # a socket; another person's is none of ours
