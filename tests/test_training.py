"""Training stays outside the program, and its model cards can be updated."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from training.demo import cards

REPOSITORY = Path(__file__).parents[1]


def imported_packages(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in names}


def test_the_program_never_imports_training() -> None:
    paths = list((REPOSITORY / "orchestrator").rglob("*.py"))
    assert paths
    assert not [path for path in paths if "training" in imported_packages(path)]


def test_training_changes_no_import_path() -> None:
    for path in (REPOSITORY / "training").rglob("*.py"):
        assert "sys.path" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("card", ["SPEECH.md", "PICTURES.md"])
def test_the_figures_of_a_model_card_can_be_replaced(tmp_path: Path, card: str) -> None:
    text = (REPOSITORY / "models" / "demo" / card).read_text(encoding="utf-8")
    (tmp_path / card).write_text(text, encoding="utf-8")
    cards.write_figures(tmp_path / card, "| figures |")
    written = (tmp_path / card).read_text(encoding="utf-8")
    assert written.startswith(text.split(cards.BEGIN)[0])
    assert written.endswith(f"\n| figures |\n{cards.END}{text.split(cards.END)[1]}")
