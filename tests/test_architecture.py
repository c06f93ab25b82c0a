"""The house as docs/ARCHITECTURE.md draws it: imports point down and never in a circle, files are small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

PACKAGE = Path(__file__).parent.parent / "orchestrator"
# From the top down. A room imports from the floors below its own, and from no neighbour on its floor.
FLOORS = (
    {"cli"},
    {"terminal", "studio", "doctor", "mac"},
    {"line"},
    {"convert"},  # writes the description that paint reads
    {"record", "hear", "clean", "refine", "paint", "gallery", "worker"},
    {"diffusion"},
    {"runtime"},
    {"fetch"},
    {"catalogue"},
    {"events"},
    {"picture", "machine"},
    {"recipe", "sound"},
    {"meaning", "shell", "files", "settings"},
    {"choices", "typed"},
    {"errors"},
)
OUTSIDE = {"training", "models", "bench", "tests"}
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 250, 50
Graph = dict[str, set[str]]  # module -> the modules it imports


def name_of(path: Path, root: Path = PACKAGE.parent) -> str:
    """Return a file's module name."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each import, also of those for types only and inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the whole name of the module"
            yield from ((node.module or "", alias.name) for alias in node.names)


def graph(files: list[Path], root: Path = PACKAGE.parent) -> Graph:
    """Return which module of these files imports which other one."""
    modules = {name_of(path, root): path for path in files}
    found: Graph = {}
    for module, path in modules.items():
        pairs = imports(ast.parse(path.read_text()))
        names = (f"{other}.{name}" if f"{other}.{name}" in modules else other for other, name in pairs)
        found[module] = {name for name in names if name in modules}
    return found


def cycle(modules: Graph) -> list[str]:
    """Return modules that import each other in a circle, or an empty list."""
    try:
        TopologicalSorter(modules).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def long_functions(tree: ast.AST) -> list[str]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [each.name for each in functions if (each.end_lineno or 0) - each.lineno + 1 > MOST_LINES_OF_A_FUNCTION]


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def floor(room: str) -> int:
    assert any(room in rooms for rooms in FLOORS), f"give {room} a place in FLOORS"
    return next(level for level, rooms in enumerate(FLOORS) if room in rooms)


GRAPH = graph(FILES)
ROOMS = sorted({room_of(module) for module in GRAPH} - {""})


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_the_floors_below_it(room: str) -> None:
    pairs = ((module, other) for module in GRAPH if room_of(module) == room for other in GRAPH[module])
    others = [(module, other) for module, other in pairs if room_of(other) not in (room, "")]  # "" has the version
    wrong = [f"{module} imports {other}" for module, other in others if floor(room_of(other)) <= floor(room)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", ROOMS)
def test_no_modules_of_a_room_import_each_other_in_a_circle(room: str) -> None:
    inside = {module for module in GRAPH if room_of(module) == room}
    found = cycle({module: GRAPH[module] & inside for module in inside})
    assert not found, " -> ".join(found)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_program_imports_nothing_outside_its_package(path: Path) -> None:
    assert not {module.partition(".")[0] for module, _ in imports(ast.parse(path.read_text()))} & OUTSIDE


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_can_be_read_in_one_sitting_and_a_function_seen_at_once(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert not long_functions(ast.parse(text))


def test_a_circle_is_found_also_through_imports_for_types_and_inside_functions(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "__init__.py").write_text("def verb() -> None:\n    from room import other\n")
    (tmp_path / "room" / "other.py").write_text("if TYPE_CHECKING:\n    from room import Value\n")
    assert set(cycle(graph(sorted(tmp_path.rglob("*.py")), tmp_path))) == {"room", "room.other"}


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_a_long_function_is_found(keyword: str) -> None:
    body = "    pass\n" * MOST_LINES_OF_A_FUNCTION
    assert long_functions(ast.parse(f"{keyword} long():\n{body}")) == ["long"]
    assert not long_functions(ast.parse(f"{keyword} short():\n{body.removesuffix('    pass' + chr(10))}"))
