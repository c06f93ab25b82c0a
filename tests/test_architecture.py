"""The house as docs/ARCHITECTURE.md draws it: imports point down only, and files stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "orchestrator"
FLOORS = (
    {"cli"},
    {"terminal", "studio", "doctor", "mac"},
    {"line"},
    {"convert"},
    {"record", "hear", "clean", "refine", "paint", "gallery", "worker"},
<<<<<<< HEAD
    {"diffusion"},
    {"runtime"},
    {"catalogue", "fetch"},
    {"events", "meaning", "recipe", "picture", "sound", "machine", "shell", "files", "settings", "choices", "errors"},
=======
    {"catalogue", "fetch", "convert"},
    {
        "events",
        "meaning",
        "recipe",
        "picture",
        "sound",
        "machine",
        "shell",
        "files",
        "settings",
        "choices",
        "typed",
        "errors",
    },
>>>>>>> ground
)
# Within a floor: who may know whom.
NEIGHBOURS = {
    "events": {"hear", "recipe"},  # for the types of what they tell
    "fetch": {"catalogue"},
    "picture": {"recipe", "files", "errors"},
    "sound": {"shell", "errors", "files"},
    "machine": {"shell", "errors"},
    "recipe": {"errors", "typed"},
    "shell": {"errors"},
    "files": {"errors"},
    "settings": {"choices", "errors", "typed"},
    "choices": {"errors"},
}


def floor(room: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if room in rooms)


def imports(path: Path) -> Iterator[str]:
    """Yield the rooms that a file imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "orchestrator" else [f"orchestrator.{a.name}" for a in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("orchestrator."))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_only(path: Path) -> None:
    room = room_of(path)
    for other in set(imports(path)) - {room, "__version__"}:
        allowed = floor(other) > floor(room) or other in NEIGHBOURS.get(room, ())
        assert allowed, f"{room} imports {other}"


def test_a_file_can_be_read_in_one_sitting_and_a_function_seen_at_once() -> None:
    for path in FILES:
        text = path.read_text()
        assert len(text.splitlines()) <= 300, f"{path} is long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                assert node.end_lineno - node.lineno < 50, f"{path}:{node.lineno} {node.name} is long"
