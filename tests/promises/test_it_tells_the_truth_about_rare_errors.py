"""Errors that are hard to provoke from the command line: each has a clear message and a hint."""

from __future__ import annotations

import io
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_recipe import PLAIN

from orchestrator import catalogue, doctor, files, shell, sound
from orchestrator import picture as png
from orchestrator import settings as preferences
from orchestrator.cli import main
from orchestrator.convert import _beside, graphs, source, tokenizer
from orchestrator.errors import AudioToImageError, Misuse, NoSpeech
from orchestrator.fetch import hub
from orchestrator.gallery import Gallery, index
from orchestrator.hear.speech import Task, ggml, open_hearer, whisper
from orchestrator.line import pipeline
from orchestrator.paint import autoencoder, coreml
from orchestrator.paint.description import Description
from orchestrator.record import Device, microphone
from orchestrator.runtime import coreml as core_ml_runtime
from orchestrator.runtime import onnx, openvino
from orchestrator.settings import Settings, demo_models
from orchestrator.studio import _unbound, forms
from orchestrator.worker.child import Child
from orchestrator.worker.served import Greeting, Served, private

COMMAND = str(Path(sys.executable).with_name("audio-to-image"))
SPEECH = demo_models() / "ggml-demo.bin"
PICTURES = demo_models() / "pictures" / "onnx"
Patch = pytest.MonkeyPatch


def raises(message: str, act: Callable[[], object], kind: type[AudioToImageError] = AudioToImageError) -> None:
    with pytest.raises(kind, match=message) as caught:
        act()
    assert caught.value.hint


def fails(error: Exception) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise error

    return fail


def _any(**attributes: object) -> Any:
    """Return an object that stands in for any type."""
    return SimpleNamespace(**attributes)


def test_missing_and_unreadable_models(tmp_path: Path, monkeypatch: Patch) -> None:
    raises("cannot read the speech model", lambda: ggml.check(tmp_path))
    raises("catalogue of models is damaged", lambda: catalogue.parse(b"[[family"))
    monkeypatch.setattr(catalogue, "here", lambda *_: None)
    raises("there is no speech model here", lambda: catalogue.choose("speech", Settings(data=tmp_path)))
    monkeypatch.setattr(catalogue, "shipped_models", lambda: tmp_path)
    raises("cannot read .*catalogue.toml", catalogue.load.__wrapped__)
    raises("the hub has no two//slashes", lambda: hub.listing("two//slashes", ""))


def test_a_full_disk_behind_standard_output() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([COMMAND, "models", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, "the disk is full" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--output", "one.png"], "one file for many pictures"), (["--once", "--now", "--confirm"], "needs a terminal")],
)
def test_impossible_flags_of_talk(
    words: list[str], message: str, monkeypatch: Patch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", ["audio-to-image", "talk", *words])
    monkeypatch.setattr(
        "orchestrator.line.talking.Talk.sentence", lambda talk, *_: iter([talk._confirm("a red house")])
    )
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == Misuse.exit_code
    assert message in capfd.readouterr().err


def test_what_doctor_reports_as_missing(tmp_path: Path, monkeypatch: Patch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(doctor.record, "devices", lambda: ())
    monkeypatch.setattr(shell, "find", lambda name: str(program) if name == "ffmpeg" else None)
    found = {
        name: doctor.check(name, Settings(hearer="whisper-cli")) for name in ("ffmpeg", "microphone", "whisper.cpp")
    }
    assert [each and (each.state, bool(each.hint)) for each in found.values()] == [("fail", True)] * 3


def test_files_that_cannot_be_replaced_or_read(tmp_path: Path, monkeypatch: Patch) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    raises("is not a file that can be replaced", lambda: files.write_whole(tmp_path / "pipe.png", b""), Misuse)
    if Path("/proc/self/mem").exists():
        raises("cannot read /proc/self/mem", lambda: png.read_png(Path("/proc/self/mem")), Misuse)
    monkeypatch.setattr(tempfile, "TemporaryFile", fails(FileNotFoundError(2, "No usable temporary directory")))
    raises("no place for temporary files", lambda: Child("speech"))


def test_an_index_locked_by_another_process(tmp_path: Path, monkeypatch: Patch) -> None:
    gallery = Gallery(tmp_path / "gallery")
    kept = gallery.keep(np.zeros((8, 8, 3), np.uint8), PLAIN)
    monkeypatch.setattr(index, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(gallery.folder / index.FILE_NAME, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        raises("another process holds", lambda: gallery.remove(kept.id))
    finally:
        holder.close()


def test_speech_recognition_that_fails(monkeypatch: Patch) -> None:
    raises("not text", lambda: open_hearer(SPEECH, task=Task(initial_prompt="\udcff")), Misuse)
    hearer = open_hearer(SPEECH)
    monkeypatch.setattr(whisper.cpp, "whisper_full", lambda *_: 7)
    raises(r"whisper.cpp failed on the recording \(code 7\)", lambda: hearer.hear(np.zeros(16_000, np.int16)))
    hearer.unload()
    raises("only \\[MUSIC\\]", lambda: pipeline.clean_words("[MUSIC]"), NoSpeech)


def test_a_recording_on_which_ffmpeg_fails(tmp_path: Path) -> None:
    raises("after 1.0 s: it gave no reason", lambda: _raise(sound._undecodable(tmp_path / "a.wav", 1.0, b"")))


def test_microphones_that_fail(monkeypatch: Patch) -> None:
    monkeypatch.setattr(microphone, "devices", lambda: (Device(id="mic", name="Mic"),))
    raises("could not open the microphone: busy", lambda: _raise(microphone.unopened("pulse", "", 1, b"busy")))
    raises("gives no sound$", lambda: _raise(microphone.silent("pulse")))


def _raise(error: AudioToImageError) -> None:
    raise error


def test_programs_that_do_not_start_or_do_not_answer() -> None:
    raises("cannot start nothing", lambda: shell.start(["/nowhere/nothing"]))
    raises("sleep did not answer", lambda: shell.run(["sleep", "5"], seconds=0.05))


def test_engines_that_have_gone(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connected:
        served = Served("speech", connected, _any(**{each.name: "" for each in fields(Greeting)}))
        raises("that held the speech engine ended", lambda: _raise(served.death()))
        served.leave()
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    raises("other users can enter", lambda: private(tmp_path / "open"), Misuse)


def test_graphs_with_unexpected_inputs_or_outputs(tmp_path: Path, monkeypatch: Patch) -> None:
    description = Description.read(PICTURES)
    encoder = SimpleNamespace(inputs={"x": SimpleNamespace(shape=(1, 3, 8, 8), dtype=np.float32)})
    monkeypatch.setattr(autoencoder, "run", lambda *_, **__: np.zeros((1, 2, 3, 4), np.float32))
    monkeypatch.setattr(autoencoder, "fitted", lambda array, _: array)
    pixels = np.zeros((8, 8, 3), np.uint8)
    raises("no mean and variance", lambda: autoencoder.encode(encoder, description, pixels))
    raises("which is not supported", lambda: onnx._port(SimpleNamespace(name="x", type="tensor(string)")))
    raises("has no Unet", lambda: coreml._description(tmp_path))
    monkeypatch.setattr(coreml, "core_ml_files", lambda *_: (tmp_path / "Unet.mlpackage",))
    monkeypatch.setattr(coreml, "ports", lambda _: {"words": None})
    raises("is something else", lambda: coreml._description(tmp_path))
    torn = SimpleNamespace(
        __version__="", ComputeUnit={"CPU_ONLY": 0}, models=SimpleNamespace(CompiledMLModel=fails(RuntimeError("torn")))
    )
    files = {"vae_decoder": (tmp_path / "VAEDecoder.mlpackage",)}
    runtime = core_ml_runtime.CoreMLRuntime(tmp_path, files, torn, compute_unit="cpu", units={})
    monkeypatch.setattr(core_ml_runtime, "ports", lambda _: {})
    monkeypatch.setattr(runtime, "_compiled", lambda path: path)
    raises("Core ML cannot load .*: torn", lambda: runtime.open("vae_decoder"))


def test_openvino_that_fails_or_is_not_installed(tmp_path: Path, monkeypatch: Patch) -> None:
    runtime = openvino.OpenVinoRuntime.__new__(openvino.OpenVinoRuntime)
    runtime.folder = tmp_path
    raises("has no unet.onnx", lambda: runtime.open("unet"))
    request = SimpleNamespace(infer=fails(RuntimeError("torn")))
    model = SimpleNamespace(create_infer_request=lambda: request, outputs=[], inputs=[])
    monkeypatch.setattr(openvino, "find_spec", lambda _: None)
    raises("not installed", lambda: openvino.OpenVinoRuntime(tmp_path, compute_unit="auto", threads=1))
    raises("failed in OpenVINO", openvino.OpenVinoGraph(model, tmp_path / "unet.onnx"))


def test_models_that_cannot_be_converted(tmp_path: Path) -> None:
    from diffusers import AutoencoderKL

    def beside() -> None:
        with _beside(tmp_path / "model"):
            raise shutil.Error([("a", "b", "No space left on device")])

    raises("No space left on device", beside)
    raises("attention with norm_q", lambda: graphs._check_attention(SimpleNamespace(norm_q=True)))
    configs = {"unet": {"addition_embed_type": "text"}, "vae": {}, "text_encoder": {}}
    raises("more inputs", lambda: source._check_shapes(tmp_path, configs))
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / tokenizer.WHOLE).write_text('{"model": 1}')
    raises("holds no byte pairs", lambda: tokenizer.write(_any(folder=tmp_path), tmp_path))
    patched = {"encoder_type": "patch", "patch_size": 8, "latent_channels": 4}
    broken = _any(folder=tmp_path, configs={"vae": patched}, variant=lambda _: None)
    raises("cannot read the vae", lambda: graphs.autoencoder(broken))
    raises("cannot read the unet", lambda: graphs._load(AutoencoderKL, broken, "unet"))


def test_a_server_that_cannot_listen_and_a_file_that_is_too_large(tmp_path: Path) -> None:
    raises("there is no port", lambda: _raise(_unbound(Settings(port=70_000), OverflowError())), Misuse)
    nowhere = OSError(99, "Cannot assign requested address")
    raises("cannot listen on 192.0.2.1", lambda: _raise(_unbound(Settings(host="192.0.2.1"), nowhere)), Misuse)
    upload = _any(file=io.BytesIO(bytes(100)))
    raises("larger than 10 bytes", lambda: forms.store(upload, tmp_path / "upload", 10), Misuse)
    assert not list(tmp_path.glob("upload*"))
    raises("unknown field, 'nose'", lambda: preferences.override(Settings(), {"nose": 1}, "the request"), Misuse)
