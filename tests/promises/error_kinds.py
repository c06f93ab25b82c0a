"""Every place in the program that makes an error, with its room, kind and hint: from the code, and while it runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

from orchestrator.errors import AudioToImageError

PACKAGE = Path(__file__).parent.parent.parent / "orchestrator"
ROOT = "AudioToImageError"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Site:
    """A call that makes an error."""

    path: Path
    line: int
    room: str
    kind: str  # the name of its class
    hint: ast.expr | None
    function: Function | None  # the innermost one around the call

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE.parent)}:{self.line}: {self.kind}"

    @property
    def has_hint(self) -> bool:
        """Return whether the hint is given and cannot be empty, as far as the file shows."""
        return self.hint is not None and not _may_be_empty(self.hint, self)


@cache
def trees() -> dict[Path, ast.Module]:
    """Return the parsed code of every file of the program."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def kinds() -> dict[str, int]:
    """Return the classes of errors and which positional argument of each is its hint."""
    classes = [each for tree in trees().values() for each in ast.walk(tree) if isinstance(each, ast.ClassDef)]
    found: dict[str, int] = {}
    grown = True
    while grown:  # a class can be defined before its base is found
        grown = False
        for each in classes:
            bases = [found[name] for name in map(_last_name, each.bases) if name in found]
            if each.name not in found and (bases or each.name == ROOT):
                found[each.name] = _hint_position(each, *bases)
                grown = True
    return found


def sites() -> list[Site]:
    """Return every call in the program that makes an error."""
    return [site for path, tree in trees().items() for site in _sites(path, tree, None)]


def room_of(path: Path) -> str:
    """Return the room of a file of the program: the top folder, or the module beside the folders."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@contextmanager
def recorded() -> Iterator[list[tuple[str, str, str]]]:
    """Record the room, kind and hint of every error that is made meanwhile in this process."""
    made: list[tuple[str, str, str]] = []
    original = AudioToImageError.__init__

    def recording(self: AudioToImageError, message: str, hint: str = "") -> None:
        original(self, message, hint)
        frame: FrameType | None = sys._getframe(1)
        while frame and frame.f_locals.get("self") is self:  # a subclass's __init__
            frame = frame.f_back
        path = Path(frame.f_code.co_filename) if frame else Path()
        if path.is_relative_to(PACKAGE):
            made.append((room_of(path), type(self).__name__, hint))

    AudioToImageError.__init__ = recording  # type: ignore[method-assign]
    try:
        yield made
    finally:
        AudioToImageError.__init__ = original  # type: ignore[method-assign]


def _sites(path: Path, node: ast.AST, function: Function | None) -> Iterator[Site]:
    for child in ast.iter_child_nodes(node):
        inner = child if isinstance(child, Function) else function
        if isinstance(child, ast.Call) and (kind := _last_name(child.func)) in kinds():
            hint = _argument(child, kinds()[kind])
            yield Site(path=path, line=child.lineno, room=room_of(path), kind=kind, hint=hint, function=function)
        yield from _sites(path, child, inner)


def _argument(call: ast.Call, position: int) -> ast.expr | None:
    named = (each.value for each in call.keywords if each.arg == "hint")
    return call.args[position] if len(call.args) > position else next(named, None)


def _hint_position(kind: ast.ClassDef, *inherited: int) -> int:
    for each in kind.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return [argument.arg for argument in each.args.args].index("hint") - 1  # without self
    return inherited[0]


def _last_name(expression: ast.expr) -> str:
    return ast.unparse(expression).rpartition(".")[2]


def _may_be_empty(hint: ast.expr, site: Site) -> bool:
    """Return whether an expression can be an empty text; a value from another file or an attribute counts as filled."""
    if isinstance(hint, ast.Constant):
        return not hint.value
    if isinstance(hint, ast.JoinedStr):
        return not any(isinstance(each, ast.Constant) and str(each.value).strip() for each in hint.values)
    if isinstance(hint, ast.IfExp):
        return _may_be_empty(hint.body, site) or _may_be_empty(hint.orelse, site)
    if isinstance(hint, ast.Name):
        return any(_may_be_empty(value, site) for value in _assigned(hint.id, site))
    return False


def _assigned(name: str, site: Site) -> Iterator[ast.expr]:
    """Yield what a name can hold: a parameter's default, and whatever the function or else the module assigns to it."""
    scope: ast.AST = site.function or trees()[site.path]
    if site.function:
        signature = site.function.args
        arguments = [*signature.posonlyargs, *signature.args]
        defaults = dict(zip(reversed(arguments), reversed(signature.defaults), strict=False))
        keywords = zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
        defaults |= {argument: value for argument, value in keywords if value}
        yield from (value for argument, value in defaults.items() if argument.arg == name)
        stored = (each.id for each in ast.walk(scope) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store))
        if name not in stored:
            scope = trees()[site.path]
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets):
            yield node.value
