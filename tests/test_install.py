"""`shortcut_install.sh`: for real on this machine, in a folder of its own; and on a Mac of fake programs."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "shortcut_install.sh"
CHECKOUT = (
    *("shortcut_install.sh", "pyproject.toml", "requirements.lock", "README.md", "LICENSE", "orchestrator"),
    *("models/catalogue.toml", "models/wheel.py", "models/demo"),
)
TOOLS = (
    "sh",
    "cat",
    "chmod",
    "cksum",
    "dirname",
    "find",
    "grep",
    "id",
    "ln",
    "mkdir",
    "readlink",
    "rm",
    "rmdir",
    "sed",
)
PIP_CACHE = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "pip"
DEMO_IS_MADE = (ROOT / "models/demo/PICTURES.md").exists()

PYTHON = """\
[ "$1" = -c ] && exit 0
mkdir -p "$3/bin"
cat > "$3/bin/python" <<'END'
#!/bin/sh
echo "python $*" >> "$HOME/calls"
case $1 in -c) echo "$HOME/models" ;; esac
END
cat > "$3/bin/audio-to-image" <<'END'
#!/bin/sh
echo "audio-to-image $*" >> "$HOME/calls"
case $1 in
    models) mkdir -p "$HOME/models/full speech" "$HOME/models/full-picture" ;;
    doctor) exit 1 ;;
esac
END
chmod +x "$3/bin/python" "$3/bin/audio-to-image"
"""


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that is the whole PATH: the tools that every system has, and those that a test fakes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    return folder


@pytest.fixture
def mac(machine: Path) -> Path:
    """A new Mac with Homebrew, whisper-cpp and Python 3.12: the fakes write down how they were called."""
    program(machine / "uname", "case $1 in -m) echo arm64 ;; *) echo Darwin ;; esac")
    program(
        machine / "brew",
        'echo "brew $*" >>"$HOME/calls"; [ "$*" = "list --formula whisper-cpp" ] || [ "$1" = install ]',
    )
    program(machine / "python3.12", PYTHON)
    return machine


def run(
    path: Path | str,
    home: Path,
    *flags: str,
    code: int = 0,
    given: int = subprocess.DEVNULL,
    script: Path = SCRIPT,
    **environment: str,
) -> str:
    """Run the script and return its output."""
    done = subprocess.run(
        [str(script), *flags],
        env={"PATH": str(path), "HOME": str(home)} | environment,
        stdin=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stderr


def tree(folder: Path) -> dict[str, str]:
    """Read everything in a folder but caches."""
    found = {str(each.relative_to(folder)): each for each in folder.rglob("*") if ".cache" not in each.parts}
    return {name: each.read_text() if each.is_file() else "a folder" for name, each in found.items()}


def calls(home: Path) -> list[str]:
    return (home / "calls").read_text().splitlines()


def test_the_plan_for_a_mac_is_whole_and_changes_nothing(mac: Path, isolated: Path) -> None:
    said = run(mac, isolated, "--dry-run")
    library = f"{isolated}/.local/lib/audio-to-image"
    pip = f"{library}/env/bin/python -m pip install --quiet --disable-pip-version-check --no-deps"
    assert (
        said
        == f"""\
This will install audio-to-image:
- System packages
    brew install ffmpeg
    already there: whisper-cpp
- audio-to-image and its dependencies, in {library}
    {mac}/python3.12 -m venv {library}/env
    {pip} --require-hashes -r {library}/core.lock
    {pip} --force-reinstall {ROOT}
- The command, in {isolated}/.local/bin
    ln -sf {library}/env/bin/audio-to-image {isolated}/.local/bin/audio-to-image
    ln -sf {library}/env/bin/a2i {isolated}/.local/bin/a2i
    add_line {isolated}/.zprofile
- The two full models: about 1.3 GB
    {library}/env/bin/audio-to-image models get
- The Shortcut: confirm it in the window that opens
    {library}/env/bin/audio-to-image shortcut install
- What works
    {library}/env/bin/audio-to-image doctor
"""
    )
    assert tree(isolated).keys() == {"calls"}
    assert {call.split()[1] for call in calls(isolated)} == {"list"}


def test_a_mac_is_set_up_in_that_order_and_left_as_it_was(mac: Path, isolated: Path) -> None:
    (isolated / "models" / "mine").mkdir(parents=True)
    (isolated / ".zprofile").write_text("export EDITOR=vi\n\n")
    before = tree(isolated)
    run(mac, isolated, "--yes")
    program_calls = [call for call in calls(isolated) if call.startswith("audio-to-image")]
    assert program_calls == ["audio-to-image models get", "audio-to-image shortcut install", "audio-to-image doctor"]
    assert "brew install ffmpeg" in calls(isolated)
    assert (isolated / ".zprofile").read_text().endswith('/.local/bin:$PATH"  # audio-to-image\n')
    said = run(mac, isolated, "--yes", "--uninstall")
    assert calls(isolated)[-2:] == ["audio-to-image shortcut uninstall", "audio-to-image serve --no-at-login"]
    assert "Not removed: system packages, recordings, pictures, settings" in said
    (isolated / "calls").unlink()
    assert tree(isolated) == before


def test_each_part_can_be_left_out(mac: Path, isolated: Path) -> None:
    flags = ("--no-system", "--no-profile", "--no-models", "--no-shortcut", "--prefix", "tools")
    run(mac, isolated, "--yes", *flags[:4], "--prefix", str(isolated / "my tools"))
    assert [call for call in calls(isolated) if not call.startswith("python")] == ["audio-to-image doctor"]
    assert not (isolated / ".zprofile").exists()
    assert (isolated / "my tools/bin/audio-to-image").is_symlink()
    assert f"in {Path.cwd()}/tools/lib" in run(mac, isolated, "--dry-run", *flags)


def test_what_fails_on_the_way_is_tried_again_the_next_time(mac: Path, isolated: Path) -> None:
    broken = PYTHON.replace("models) ", "models) [ -e $HOME/network ] || exit 1; ")
    program(mac / "python3.12", broken)
    said = run(mac, isolated, "--yes", code=1)
    assert "that failed: try again later" in said
    assert "audio-to-image shortcut install" in calls(isolated)
    (isolated / "network").touch()
    said = run(mac, isolated, "--yes")
    assert "already there: the same version" in said
    assert (isolated / "models/full-picture").exists()
    run(mac, isolated, "--yes", "--uninstall")
    assert not any((isolated / "models").iterdir())
    assert not (isolated / ".zprofile").exists()


def test_a_package_that_cannot_be_installed_ends_it_with_a_hint(mac: Path, isolated: Path) -> None:
    program(mac / "python3.12", '[ "$1" = -c ]')
    said = run(mac, isolated, "--yes", code=1)
    assert said.endswith("error: that failed\n  try: ./shortcut_install.sh continues from here\n")


def test_apples_pipeline_gets_an_environment_of_its_own_at_a_revision_that_does_not_move(
    mac: Path, isolated: Path
) -> None:
    library = f"{isolated}/.local/lib/audio-to-image"
    flags = ("--yes", "--no-system", "--no-models", "--with-apple-pipeline")
    assert "    it needs Python 3.11: brew install python@3.11\n" in run(mac, isolated, *flags, code=1)
    program(mac / "python3.11", PYTHON)
    said = run(mac, isolated, *flags)
    source = "git+https://github.com/apple/ml-stable-diffusion@e12202c1f6405b83918b58a5d097cd61e3e1f702"
    assert f"    {mac}/python3.11" not in said
    assert f"    python3.11 -m venv {library}/apple\n" in said
    assert f"    {library}/apple/bin/python -m pip install --quiet {source}\n" in said
    assert "    already there: the same revision\n" in run(mac, isolated, *flags)
    run(mac, isolated, "--yes", "--uninstall")
    assert not Path(library).exists()


def test_without_homebrew_the_bundled_programs_serve(mac: Path, isolated: Path) -> None:
    (mac / "brew").unlink()
    assert "no Homebrew: using the bundled ffmpeg and whisper.cpp" in run(mac, isolated, "--dry-run")


def test_a_missing_python_comes_from_homebrew_or_from_uv_or_is_asked_for(mac: Path, isolated: Path) -> None:
    (mac / "python3.12").unlink()
    assert "    brew install python@3.12\n" in run(mac, isolated, "--dry-run")
    program(mac / "uv", "exit 0")
    said = run(mac, isolated, "--dry-run")
    library = f"{isolated}/.local/lib/audio-to-image"
    assert f"    uv venv --quiet --allow-existing --python python3.12 {library}/env\n" in said
    assert f"    uv pip install --quiet --python {library}/env/bin/python --no-deps --require-hashes -r " in said
    for name in ("uv", "brew"):
        (mac / name).unlink()
    assert "error: there is no Python 3.11 to 3.13\n  try: " in run(mac, isolated, "--yes", code=1)
    assert "error: there is no Python" in run(mac, isolated, "--dry-run", code=1, PYTHON="/bin/false")


def test_debian_gets_its_packages_through_apt_and_sudo_where_that_is_needed(machine: Path, isolated: Path) -> None:
    program(machine / "uname", "echo Linux")
    program(machine / "apt-get", "exit 0")
    program(machine / "python3.11", "case $2 in *ensurepip*) exit 1 ;; *) exit 0 ;; esac")
    for user, sudo in (("0", ""), ("1000", "sudo ")):
        (machine / "id").unlink()
        program(machine / "id", f"echo {user}")
        said = run(machine, isolated, "--dry-run")
        assert f"    {sudo}apt-get -qq update\n" in said
        assert f"    {sudo}apt-get -qq install -y --no-install-recommends ffmpeg python3-venv\n" in said
    assert "torch==" in said
    assert "Shortcut" not in said


def test_an_intel_mac_is_refused_at_once(mac: Path, isolated: Path) -> None:
    program(mac / "uname", "case $1 in -m) echo x86_64 ;; *) echo Darwin ;; esac")
    assert "error: this needs a Mac with Apple Silicon" in run(mac, isolated, "--yes", code=1)


def test_a_command_that_is_not_ours_is_left_alone(mac: Path, isolated: Path) -> None:
    program(isolated / ".local/bin/audio-to-image", "echo mine")
    before = tree(isolated)
    assert "belongs to something else" in run(mac, isolated, "--yes", "--no-system", code=1)
    assert tree(isolated) == before


def test_a_command_that_was_put_in_our_place_stays(mac: Path, isolated: Path) -> None:
    run(mac, isolated, "--yes")
    (isolated / ".local/bin/a2i").unlink()
    program(isolated / ".local/bin/a2i", "echo mine")
    run(mac, isolated, "--yes", "--uninstall")
    assert [each.name for each in (isolated / ".local/bin").iterdir()] == ["a2i"]


def test_without_a_terminal_or_after_a_no_nothing_changes(mac: Path, isolated: Path) -> None:
    assert "error: cannot ask without a terminal\n  try: add --yes" in run(mac, isolated, "--no-system", code=1)
    person, terminal = os.openpty()
    try:
        os.write(person, b"n\n")
        assert "Nothing was changed." in run(mac, isolated, "--no-system", code=130, given=terminal)
    finally:
        os.close(person)
        os.close(terminal)
    assert not tree(isolated)


def test_flags_are_explained_and_others_refused(mac: Path, isolated: Path) -> None:
    assert "there is no flag --model" in run(mac, isolated, "--model", code=2)
    assert "cannot be on a PATH" in run(mac, isolated, "--prefix", '/"', code=1)
    done = subprocess.run([str(SCRIPT), "--help"], capture_output=True, text=True, check=True)
    assert all(flag in done.stdout for flag in ("--yes", "--prefix DIR", "--uninstall", "PYTHON="))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout that no one else edits, without what the demo models are made with."""
    folder = tmp_path / "Downloads" / "audio-to-image"
    for name in CHECKOUT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "making", "recipe")
            )
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.timeout(400)  # about half a minute with pip's cache; the first time 150 MB come over the network
@pytest.mark.skipif(not DEMO_IS_MADE, reason="the demo models are not made yet, so no wheel can be built")
def test_it_installs_on_this_machine_finds_an_existing_installation_and_uninstalls(
    checkout: Path, tmp_path: Path, isolated: Path
) -> None:
    prefix, played = tmp_path / "my tools", tmp_path / "played"
    for name in ("apt-get", "sudo", "brew"):
        program(played / name, "exit 1")
    (isolated / ".profile").write_text("# mine\n")
    (prefix / "bin").mkdir(parents=True)
    before = tree(isolated), tree(prefix)
    script = checkout / "shortcut_install.sh"
    flags = ("--yes", "--no-models", "--no-shortcut", "--prefix", str(prefix))
    kept: dict[str, Any] = {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP", "http", "XDG_R"))
    }
    kept |= {"PYTHON": f"{sys.base_prefix}/bin/python3", "PIP_CACHE_DIR": str(PIP_CACHE)}
    path = f"{played}:/usr/bin:/bin:/usr/sbin:/sbin"

    assert "error: that failed" in run(path, isolated, *flags, code=1, script=script, **kept | {"PYTHON": "/bin/true"})
    run(path, isolated, *flags, script=script, **kept)
    command = str(prefix / "bin/audio-to-image")
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(isolated)}
    done = subprocess.run([command, "doctor"], env=bare, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "\nok   whisper.cpp" in done.stdout
    assert "\nwarn picture model  the demo model" in done.stdout
    assert str(checkout) not in done.stdout

    marked = (prefix / "lib/audio-to-image/installed").stat().st_mtime_ns
    assert "pip install" not in run(path, isolated, *flags, script=script, **kept)
    assert (prefix / "lib/audio-to-image/installed").stat().st_mtime_ns == marked

    run(path, isolated, "--yes", "--uninstall", "--prefix", str(prefix), script=script)
    assert (tree(isolated), tree(prefix)) == before
