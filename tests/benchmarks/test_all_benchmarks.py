"""What holds for each script under benchmarks/."""

import ast
import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("script", sorted(path.name for path in FOLDER.glob("*.py")))
def test_what_a_benchmark_takes_from_livergrade_is_there(script: str) -> None:
    """Most benchmarks run for minutes: a name that moved would be missed only when they are needed."""
    missing = [
        f"{node.module}.{taken.name}"
        for node in ast.walk(ast.parse((FOLDER / script).read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "livergrade"
        for taken in node.names
        if not hasattr(importlib.import_module(node.module), taken.name)
        and importlib.util.find_spec(f"{node.module}.{taken.name}") is None
    ]
    assert not missing
