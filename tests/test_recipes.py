"""The recipes of CONTRIBUTING.md, typed to the letter into a copy of the package, which then trains."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
RECIPES = ("A backbone of your own", "A metric", "A new kind of cohort")
STEP = re.compile(
    r"^(?:\d\. |   )(?P<told>.*):\n\n   ```(?:python|yaml)?\n(?P<code>(?:(?!   ```$).*\n)*)   ```$", re.M
)
NEW = re.compile(r"`(?P<file>\S+)`, a new file$")
CHANGED = re.compile(
    r"\b(?P<where>above|as the last one of|as the last field of|among the imports of) "
    r"(?:`(?P<name>\w+)` in )?`(?P<file>\S+)`$",
    re.IGNORECASE,
)


class Step(NamedTuple):
    """A block of code and where the document says that it goes; ``where`` is empty for a whole file."""

    file: str
    where: str
    name: str
    code: str


def steps(recipe: str) -> list[Step]:
    """The blocks of a recipe in their order."""
    text = re.search(rf"^### {recipe}\n(.*?)(?=^##)", TEXT, re.M | re.S)
    assert text, recipe
    found = []
    for step in STEP.finditer(text[1]):
        if step["told"] == "Try it":
            continue
        code = "".join(line.removeprefix("   ") for line in step["code"].splitlines(keepends=True))
        if new := NEW.search(step["told"]):
            found.append(Step(new["file"], "", "", code))
        else:
            place = CHANGED.search(step["told"])
            assert place, step["told"]
            found.append(Step(place["file"], place["where"].lower(), place["name"] or "", code))
    fences, tried = re.findall(r"^   ```", text[1], re.M), text[1].count(". Try it:\n")
    assert len(fences) == 2 * (len(found) + tried)  # none is passed over
    return found


def typed(recipe: str) -> list[str]:
    """The words after ``livergrade.check`` in a recipe."""
    text = TEXT[TEXT.index(f"### {recipe}\n") :]
    line = re.search(r"^   python -m livergrade\.check (.*)$", text, re.M)
    assert line
    return shlex.split(line[1])


def place(tree: ast.Module, step: Step) -> int:
    """Before which line of a file, counted from 0, a block goes.

    Raises:
        LookupError: the file has nothing of that name.
    """
    if step.where == "among the imports of":
        return max(node.end_lineno or 0 for node in tree.body if isinstance(node, ast.ImportFrom))
    for node in tree.body:
        names = {
            target.id
            for target in (node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)])
            if isinstance(target, ast.Name)
        } | {getattr(node, "name", None)}
        if step.name not in names:
            continue
        if step.where == "above":
            return node.lineno - 1
        if step.where == "as the last one of":
            return (node.end_lineno or 0) - 1
        assert isinstance(node, ast.ClassDef)
        return max(field.end_lineno or 0 for field in node.body if isinstance(field, ast.AnnAssign))
    raise LookupError(f"{step.file} has no {step.name}")


def apply(step: Step, root: Path) -> None:
    """Type a block where the document says."""
    path = root / step.file
    if not step.where:
        assert not path.exists(), path
        path.write_text(step.code, "utf-8")
        return
    lines = path.read_text("utf-8").splitlines(keepends=True)
    at = place(ast.parse("".join(lines)), step)
    path.write_text("".join([*lines[:at], step.code, *lines[at:]]), "utf-8")


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_block_can_be_typed(recipe: str, tmp_path: Path) -> None:
    """What is to be changed is there, what is new is not, and all of it is Python or YAML."""
    for step in steps(recipe):
        path = tmp_path / step.file
        path.parent.mkdir(parents=True, exist_ok=True)
        assert (ROOT / step.file).exists() == bool(step.where)
        if step.where and not path.exists():
            shutil.copy(ROOT / step.file, path)
        apply(step, tmp_path)
        if path.suffix == ".py":
            compile(path.read_text("utf-8"), step.file, "exec")
        else:
            assert yaml.safe_load(path.read_text("utf-8"))["name"] == path.stem
    assert any(tmp_path.rglob("*.py"))
