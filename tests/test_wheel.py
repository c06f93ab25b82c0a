"""The wheel, in a clean environment outside the checkout: the catalogue and the demo models are inside it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

CHECKOUT = Path(__file__).parent.parent


def test_the_wheel_paints_a_recording_outside_the_checkout(tmp_path: Path, recording: Path) -> None:
    environment = os.environ | {"HOME": pwd.getpwuid(os.getuid()).pw_dir}  # for pip's cache
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(CHECKOUT)]
    subprocess.run(build, check=True, capture_output=True, env=environment)
    (wheel,) = tmp_path.glob("*.whl")
    page = {path.name for path in (CHECKOUT / "orchestrator/studio/page").iterdir()}
    prefix = "orchestrator/studio/page/"
    assert page == {name.removeprefix(prefix) for name in ZipFile(wheel).namelist() if name.startswith(prefix)}
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True, capture_output=True)
    pip = [str(tmp_path / "env/bin/python"), "-m", "pip", "install", "--quiet", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, env=environment)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    sound = shutil.copy(recording, elsewhere / "said.wav")
    command = [str(tmp_path / "env/bin/audio-to-image"), "picture", str(sound), "--steps", "2"]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True)
    picture = Path(done.stdout.strip())
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert CHECKOUT not in picture.parents
