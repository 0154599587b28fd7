"""The one-way flow, held by imports: who may know whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "livergrade"


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(("room", "strangers"), [
    ("data", ("livergrade.models", "livergrade.training", "livergrade.cli", "hydra", "omegaconf")),
    ("models", ("livergrade.data", "livergrade.training", "livergrade.cli", "hydra", "omegaconf")),
])  # fmt: skip
def test_rooms_do_not_know_their_neighbours(room: str, strangers: tuple[str, ...]) -> None:
    for path in (PACKAGE / room).glob("*.py"):
        for name in imported(path):
            assert not name.startswith(strangers), f"{path.name} imports {name}"


def test_nothing_after_the_predictions_imports_torch() -> None:
    modules = (
        "livergrade.evaluation.metrics, livergrade.reports.run_plots, livergrade.reports.results, "
        "livergrade.inference.answers, livergrade.training.history, livergrade.train"
    )
    code = f"import sys, {modules}; print([m for m in ('torch', 'lightning') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_package_has_no_utils() -> None:
    assert not [path for path in PACKAGE.rglob("*") if "util" in path.name or "helper" in path.name]
