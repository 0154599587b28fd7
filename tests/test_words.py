"""Words that do not belong into a text for users: help texts, messages, pages of docs/, report templates."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from livergrade.cli.commands import COMMANDS
from livergrade.config.fields import options

ROOT = Path(__file__).parents[1]
# Say instead: reported, in the same way, correctly, again, contains, continues.
HOMELY = re.compile(
    r"\b(told|likewise|rightly|anew|sibling|by heart|of ours|outright|gravest|turned views buy|so much as"
    r"|goes on with|laid on white|nobody|tells (?:of|the|all|every|why|how|what)|which is it)\b",
    re.IGNORECASE,
)
CODE = re.compile(r"```.*?```|`[^`\n]*`|<[^>]*>|\{[{%].*?[%}]\}|https?://\S+", re.DOTALL)


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of everything that a user reads besides messages and help."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    templates = (ROOT / "livergrade").rglob("*.j2")
    for path in sorted([*pages, *templates]):
        yield str(path.relative_to(ROOT)), path.read_text("utf-8")


def found(name: str, text: str) -> list[str]:
    """File, line and word of each homely word outside of code."""
    bare = CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)
    return [f"{name}:{bare.count(chr(10), 0, word.start()) + 1}: {word[0]}" for word in HOMELY.finditer(bare)]


def test_pages_and_templates_have_none() -> None:
    assert [line for name, text in texts() for line in found(name, text)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_texts_have_none(name: str) -> None:
    command = COMMANDS[name]
    told = {key: option.metadata["meaning"] for key, option, _ in options(command.schema)}
    assert [line for key, text in told.items() for line in found(key, text)] == []
    assert found(name, command.summary) == []


def test_messages_have_none() -> None:
    lines = []
    for path in sorted((ROOT / "livergrade").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        prose = {
            id(first.value)
            for node in ast.walk(tree)
            if isinstance(getattr(node, "body", None), list)
            for first in node.body  # type: ignore[attr-defined]
            if isinstance(first, ast.Expr)
        }
        lines += [
            f"{path.relative_to(ROOT)}:{node.lineno}: {word[0]}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
            for word in HOMELY.finditer(node.value)
            if " " in node.value
        ]
    assert lines == []


def test_docstrings_have_none() -> None:
    lines = []
    for path in sorted((ROOT / "livergrade").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for first in getattr(node, "body", None) if isinstance(getattr(node, "body", None), list) else ():
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    name = f"{path.relative_to(ROOT)}, line {first.lineno}"
                    lines += found(name, str(first.value.value))
    assert lines == []


def test_a_homely_word_is_found_with_file_and_line() -> None:
    assert found("page.md", "One.\nWhat is wrong is told `as told`.\n") == ["page.md:2: told"]
