"""The README's commands, run as written, and the links of all documents."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from serving import Server, serve

__all__ = ["serve"]  # a fixture

CHECKOUT = Path(__file__).parent.parent
README = (CHECKOUT / "README.md").read_text()
PROSE = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
BLOCKS = re.findall(r"(?:^    .+\n)+", PROSE, flags=re.MULTILINE)
COMMANDS = [line.strip().removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]
PROGRAM = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
ELSEWHERE = (
    "make",
    "source",
    "audio-to-image talk",
    "audio-to-image serve",
)  # set up the environment, or have tests of their own
PAGES = [
    *sorted(CHECKOUT.glob("*.md")),
    *sorted(CHECKOUT.glob("docs/*.md")),
    *sorted(CHECKOUT.glob("models/demo/*.md")),
]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


@pytest.mark.parametrize("command", [each for each in COMMANDS if not each.startswith(ELSEWHERE)])
def test_a_command_of_the_readme_works_as_written(command: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=CHECKOUT,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout or "gallery list" in command


def test_the_readmes_program_works_as_written(serve: Callable[..., Server]) -> None:
    server, (program,) = serve(), PROGRAM
    program = program.replace("http://127.0.0.1:8765", server.url)
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert server.ask("GET", done.stdout.strip()).headers["content-type"] == "image/png"


def test_the_readme_has_commands_to_run() -> None:
    assert len(COMMANDS) > 8


def test_every_verb_is_in_the_readme() -> None:
    from orchestrator.cli import commands

    missing = [name for name in commands.commands if f"| `{name}" not in README]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_to_a_file_of_the_project_works(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing


def test_the_contributors_guide_names_what_there_is() -> None:
    guide = (CHECKOUT / "CONTRIBUTING.md").read_text()
    made = {"orchestrator/hear/speech/whisper_beam.py", "orchestrator/paint/swatch.py"}  # by the examples themselves
    paths = set(re.findall(r"`((?:orchestrator|tests|training)/[\w/.]+)`", guide))
    assert not [path for path in paths - made if not (CHECKOUT / path).exists()]
    for module, names in re.findall(r"^from (orchestrator[\w.]*) import (.+)$", guide, re.MULTILINE):
        for name in names.split(", "):
            assert hasattr(import_module(module), name), f"{module} has no {name}"
