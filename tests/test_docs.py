"""The tests that the documentation names exist, and every fault has one."""

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(?:tests/)?([\w/]+\.py)(?:::(\w+))?`")


@functools.cache
def functions(path: Path) -> set[str]:
    """Names of the functions that a file defines."""
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_exists() -> None:
    lacking, found = [], 0
    for page in sorted((ROOT / "docs").glob("*.md")):
        for file, test in NAMED.findall(page.read_text("utf-8")):
            if not Path(file).name.startswith("test_"):
                continue
            found += 1
            path = ROOT / "tests" / file
            if not path.is_file() or (test and test not in functions(path)):
                lacking.append(f"{page.name}: {file}::{test}")
    assert lacking == []
    assert found > 50


def test_every_fault_has_its_row_and_its_test() -> None:
    rows = re.findall(
        r"^\| (\d+) \|(.*)$", (ROOT / "docs" / "reliability.md").read_text("utf-8"), re.MULTILINE
    )
    assert [int(number) for number, _ in rows] == list(range(1, 282))
    for number, cells in rows:
        assert NAMED.search(cells), number
        assert all(cell.strip() for cell in cells.strip().strip("|").split(" | ")), number
