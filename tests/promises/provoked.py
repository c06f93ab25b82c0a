"""Every error that the program can tell, and the tests that provoke it: code comes in, `errors.txt` goes out.

python tests/promises/provoked.py         runs the whole suite, also what it starts, and notes who provokes what
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "orchestrator"
TABLE = Path(__file__).with_name("errors.txt")
NOTES = "A2I_PROVOKED"  # names the file that notes go to
# Python imports this module by itself where it is on its path; so programs that tests start take notes too.
STARTED = "import provoked; provoked.take_notes()"


@dataclass(frozen=True, order=True, kw_only=True)
class Site:
    """A place in the code where an error is made."""

    module: str
    function: str
    message: str  # what varies is in braces

    def __str__(self) -> str:
        return f"{self.module} {self.function}: {self.message}"

    def made(self, module: str, function: str, message: str) -> bool:
        """Tell whether a message came from here."""
        if (module, function) != (self.module, self.function):
            return False
        pattern = "".join(".*" if each.startswith("{") else re.escape(each) for each in _SPLIT.split(self.message))
        return re.fullmatch(pattern, message, re.DOTALL) is not None


_SPLIT = re.compile(r"(\{[^{}]*\})")


def sites() -> set[Site]:
    """Read the code for every error in it."""
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    classes = [each for tree in trees.values() for each in ast.walk(tree) if isinstance(each, ast.ClassDef)]
    kinds, before = {"AudioToImageError"}, 0
    while len(kinds) > before:  # until no class is found whose parent is one
        before = len(kinds)
        kinds |= {
            each.name for each in classes if each.bases and set(map(ast.unparse, each.bases)) <= kinds and _begins(each)
        }
    return {site for path, tree in trees.items() for site in _sites(path, tree, kinds)}


def _begins(kind: ast.ClassDef) -> bool:
    """Tell whether an error of this kind is made with its message first; one of a field is its sender's affair."""
    made = (each for each in kind.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
    return all(each.args.args[1].arg == "message" for each in made)


def _sites(path: Path, tree: ast.AST, kinds: set[str]) -> Iterator[Site]:
    module = path.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("/__init__")

    def walk(node: ast.AST, function: str) -> Iterator[Site]:
        for child in ast.iter_child_nodes(node):
            inner = function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{function}.{child.name}".lstrip(".")
            if (
                isinstance(child, ast.Call)
                and isinstance(child.func, ast.Name)
                and child.func.id in kinds
                and child.args
            ):
                yield Site(module=module, function=function, message=_shape(child.args[0]))
            yield from walk(child, inner)

    return walk(tree, "")


def _shape(message: ast.expr) -> str:
    if isinstance(message, ast.Constant):
        return str(message.value)
    if isinstance(message, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else _braced(each) for each in message.values)
    return _braced(message)


def _braced(expression: ast.expr) -> str:
    inner = expression.value if isinstance(expression, ast.FormattedValue) else expression
    return "{" + re.sub(r"[{}\s]+", " ", ast.unparse(inner)).strip() + "}"


def take_notes() -> None:
    """Have every error that is made in this process noted, with the test that runs."""
    from orchestrator import errors

    notes, before = os.environ.get(NOTES), errors.AudioToImageError.__init__
    if not notes:
        return

    def noting(self: errors.AudioToImageError, message: str, hint: str = "") -> None:
        before(self, message, hint)
        frame: FrameType | None = sys._getframe(1)
        while frame and frame.f_code.co_name == "__init__" and "Error" in frame.f_code.co_qualname:
            frame = frame.f_back
        path = Path(frame.f_code.co_filename) if frame else Path()
        if frame and path.is_relative_to(PACKAGE):
            module = path.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("/__init__")
            function = frame.f_code.co_qualname.replace(".<locals>", "").replace(".<genexpr>", "")
            test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0].partition("[")[0]
            with open(notes, "a", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - as early as this
                file.write("\t".join((module, function, repr(str(message)), test)) + "\n")

    errors.AudioToImageError.__init__ = noting  # type: ignore[method-assign]


def table(notes: str) -> dict[Site, str]:
    """Give each error the first test that provoked it."""
    lines = sorted({line for line in notes.splitlines() if line.count("\t") == 3})
    told = [(module, function, ast.literal_eval(message), test) for module, function, message, test in map(_cut, lines)]
    found = {site: sorted({test for *where, test in told if test and site.made(*where)}) for site in sites()}
    return {site: tests[0] if tests else "" for site, tests in found.items()}


def _cut(line: str) -> list[str]:
    return line.split("\t")


def read_table() -> dict[str, str]:
    """Read who provokes what: an error, an arrow, and a test or why there is none."""
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    return dict(line.split("  <-  ", 1) for line in lines if "  <-  " in line)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        notes = Path(name) / "notes"
        notes.touch()
        notes.chmod(0o666)  # also programs that run as somebody else take them
        Path(name).chmod(0o755)
        (Path(name) / "sitecustomize.py").write_text(STARTED)
        path = os.pathsep.join((name, str(Path(__file__).parent), str(ROOT)))
        environment = os.environ | {NOTES: str(notes), "PYTHONPATH": path}
        subprocess.run([sys.executable, "-m", "pytest", "-q", *sys.argv[1:]], env=environment, check=False, cwd=ROOT)
        found, known = table(notes.read_text(encoding="utf-8")), read_table()
    lines = [f"{site}  <-  {test or known.get(str(site), '?')}" for site, test in sorted(found.items())]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
