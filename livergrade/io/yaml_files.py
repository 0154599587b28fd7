"""Read a YAML file as plain data: words, numbers, lists and mappings; no anchors, aliases, tags or code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from livergrade.errors import UserError
from livergrade.io.regular_files import read_regular_text
from livergrade.io.visible import CONTROL, shown

# libyaml's parser, ten times as fast, where PyYAML was built with it.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LARGEST = 2**18
"""Bytes of a file; the options of a run take two thousand."""
LONGEST = 4096
"""Characters of one value, as many as a path may have."""
_NODES, _DEEPEST = 5000, 12
_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}


def read_plain_yaml(path: Path, *, fix: str) -> dict[str, Any]:
    """Read a mapping of plain values.

    Args:
        path: the file.
        fix: what to do if it can't be read, for the message.

    Raises:
        UserError: it is too large or nested too deep, is no such mapping, or uses an anchor, alias, tag,
            merge, interpolation (``${...}``) or a key twice.
    """
    text = read_regular_text(path, LARGEST, fix=fix)
    try:
        if "${" in text:
            raise ValueError(
                "line {}: ${{...}} stands for other values; write the value itself".format(
                    text[: text.index("${")].count("\n") + 1
                )
            )
        _check_events(text)
        node = yaml.compose(text, Loader=_LOADER)
        if not isinstance(node, yaml.MappingNode):
            raise ValueError("it is not a mapping of options")
        return dict(_value(node, yaml.constructor.SafeConstructor(), ""))
    except (ValueError, OverflowError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{shown(path)}: can't be read as a run's options: {_reason(error)}; {fix}") from None


def _check_events(text: str) -> None:
    """Refuse what is too much, or more than data, before anything is built from it."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = f"line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError(f"{line}: anchors and aliases are not read; write the values out")
        if getattr(event, "tag", None):
            raise ValueError(f"{line}: tags ({shown(event.tag, 60)}) are not read; write a plain value")
        if isinstance(event, yaml.DocumentStartEvent) and (event.version or event.tags):
            raise ValueError(f"{line}: directives are not read")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > _DEEPEST or nodes > _NODES:
            raise ValueError(f"{line}: is nested too deep, or has too many values")
        if isinstance(event, yaml.ScalarEvent):
            if len(event.value) > LONGEST:
                raise ValueError(f"{line}: a value is longer than {LONGEST} characters")
            if CONTROL.search(event.value):
                raise ValueError(f"{line}: a value holds control characters")


def _value(node: yaml.Node, plain: yaml.constructor.SafeConstructor, key: str) -> Any:  # noqa: ANN401
    """The value of a node, whose key is ``key``."""
    if node.tag not in _PLAIN:
        raise ValueError(f"{key or 'the file'}: is not plain text, number, list or mapping")
    if isinstance(node, yaml.SequenceNode):
        return [_value(inner, plain, key) for inner in node.value]
    if isinstance(node, yaml.ScalarNode):
        return plain.construct_object(node)
    found: dict[str, Any] = {}
    for name, inner in node.value:
        if name.tag != "tag:yaml.org,2002:str":
            raise ValueError(f"{key or 'the file'}: {shown(name.value, 60)} is not a name of an option")
        inner_key = f"{key}.{name.value}" if key else str(name.value)
        if name.value in found:
            raise ValueError(f"{shown(inner_key, 100)}: is given twice")
        found[name.value] = _value(inner, plain, inner_key)
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {shown(error.problem)}"
    return shown(str(error).partition("\n")[0]) or "is nested too deep"
