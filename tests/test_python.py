"""The names that ``import livergrade`` has, and docs/python.md."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import livergrade

ROOT = Path(__file__).parents[1]


def test_importing_the_package_loads_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import livergrade; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - sys.stdlib_module_names)); "
        "print(sorted(name for name in sys.modules if name.startswith('livergrade')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "['livergrade']\n['livergrade']\n"


def test_type_checkers_see_the_names_that_there_are() -> None:
    tree = ast.parse((ROOT / "livergrade" / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == livergrade._FROM
    assert set(typed) <= set(dir(livergrade))
    assert set(typed) == set(livergrade.__all__)
    for name in typed:
        assert getattr(livergrade, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = livergrade.nosuch
