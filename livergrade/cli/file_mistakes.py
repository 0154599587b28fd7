"""Mistakes in files of options, ours or the user's own, in one line with the file and the line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from livergrade.cli.refusals import refusal, unknown_option, wrong_type
from livergrade.io.visible import shown
from livergrade.runs.paths import CONF

_READING = (yaml.YAMLError, UnicodeDecodeError, RecursionError)
"""What reading such a file raises, besides Hydra's own errors: the last for files that choose each other."""
_NOT_OPTIONS = "Invalid loaded object type"
"""What OmegaConf says of a file that holds a number or a word alone, as an `OSError`."""
_IN = re.compile(r"In '(?P<name>[^']+)': (?P<rest>.*)", re.DOTALL)
_CHOSEN = re.compile(r"Could not find '(?P<group>[^']*)/(?P<name>[^'/]*)'")
_HEADER = "# @package _global_"


def mistake(error: Exception, schema: Any, groups: Sequence[str], own: Sequence[Path]) -> str:  # noqa: ANN401
    """One line for what is wrong with the words, or with a file that they name.

    Args:
        error: Hydra's error, or one of which :func:`is_of_a_file` is true.
        schema: the options of the command, a dataclass with every default.
        groups: the groups that can be chosen.
        own: the user's folders, as ``--config-dir`` names them.
    """
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark, read = error.problem_mark, Path(error.problem_mark.name)
        lines = read.read_text("utf-8").splitlines() if read.is_file() else []
        text = lines[mark.line] if mark.line < len(lines) else ""
        tab = "\t" in text[: len(text) - len(text.lstrip())]
        return f"{read}, line {mark.line + 1}: {'a tab; indent with spaces' if tab else error.problem}"
    if isinstance(error, RecursionError):
        return (
            "a file of options chooses itself in its defaults, or another one that chooses it; leave that out"
        )
    if is_of_a_file(error):
        return _unreadable(own) or str(error)
    found = _IN.match(str(error))
    if not found or "/" not in found["name"]:
        return _where_chosen(str(error), own) + refusal(error, schema, groups)
    file = _file(found["name"], own)
    if file is None:
        return refusal(error, schema, groups)
    cause = error.__cause__ or error.__context__
    key = str(getattr(cause, "full_key", None) or "")
    group = found["name"].partition("/")[0]
    if cause is not None and "not in" in str(cause):
        text = file.read_text("utf-8")
        if text.startswith("\ufeff"):
            return f"{file}, line 1: begins with a byte-order mark; save it as UTF-8 without BOM"
        if key == group and not text.startswith(_HEADER):
            return f"{file}, line 1: write {_HEADER} above, since its options are those of all groups"
        told = unknown_option(key, schema, groups)
    elif str(cause).startswith("Cannot merge"):
        told = "must hold key: value, a line each, and holds something else"
    elif cause is not None:
        told = f"{key}: " * bool(key) + wrong_type(str(cause))
    else:
        told = refusal(type(error)(found["rest"]), schema, groups)
        key = key or re.split("[:=]", told)[0]
    line = _line(file, key)
    return f"{file}, line {line}: {told}" if line else f"{file}: {told}"


def is_of_a_file(error: Exception) -> bool:
    """Whether reading a file of options raises such an error."""
    return isinstance(error, _READING) or (isinstance(error, OSError) and str(error).startswith(_NOT_OPTIONS))


def _file(name: str, own: Sequence[Path]) -> Path | None:
    """The file of options with this name, as ``experiment/mine``."""
    files = [folder / f"{name}.yaml" for folder in (*own, CONF)]
    return next((file for file in files if file.is_file()), None)


def _where_chosen(text: str, own: Sequence[Path]) -> str:
    """The file and line that choose a file of options that there is not; empty if none of the user's does."""
    chosen = _CHOSEN.search(text)
    if not chosen:
        return ""
    choice = re.compile(rf"\b{re.escape(chosen['group'])}\s*:\s*{re.escape(chosen['name'])}\s*$")
    for folder in (*own, CONF / "local"):
        for file in sorted(folder.rglob("*.yaml")):
            for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
                if choice.search(line):
                    return f"{file}, line {number}: "
    return ""


def _unreadable(own: Sequence[Path]) -> str:
    """The first of the user's files that is no UTF-8, with the line, or holds a number or a word alone."""
    for folder in (*own, CONF / "local"):
        for file in sorted(folder.rglob("*.yaml")):
            try:
                text = file.read_bytes()
                content = yaml.safe_load(text.decode("utf-8"))
                if isinstance(content, str | int | float):
                    return f"{file}: must hold key: value, a line each, and holds {shown(content, 60)}"
            except UnicodeDecodeError as error:
                line = text.count(b"\n", 0, error.start) + 1
                return f"{file}, line {line}: is not UTF-8; save the file as UTF-8"
            except (OSError, yaml.YAMLError):
                continue
    return ""


def _line(file: Path, key: str) -> int | None:
    """The line of a file where an option stands, its group perhaps left out, or where its name does."""
    text = file.read_text("utf-8")
    parts = key.split(".")
    root = yaml.compose(text, yaml.SafeLoader)
    for start in range(len(parts)):
        node, line = root, None
        for part in parts[start:]:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            found = next(((name, value) for name, value in pairs if name.value == part), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        else:
            return line
    return next((number for number, line in enumerate(text.splitlines(), 1) if parts[-1] in line), None)
