"""Names of files and folders on the command line: as they are typed, whatever signs Hydra would read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from livergrade.config.fields import options
from livergrade.io.regular_files import is_folder, is_regular

_FOLDERS = ("hydra.run.dir", "hydra.sweep.dir")
_FLAG = re.compile(r"-[a-z]?|-c[dnp]|--[a-z-]*")
"""Flags of Hydra, whole or begun: ``-m``, ``-cd``, ``--multirun``."""


def quoted(text: str) -> str:
    """The text in quotes, so that Hydra and OmegaConf give back each of its characters."""
    text = re.sub(r"(\\*)\$\{", lambda match: f"{2 * match[1]}\\${{", text)  # no reference to an option
    return "'" + re.sub(r"(\\*)('|$)", lambda match: 2 * match[1] + (match[2] and r"\'"), text) + "'"


def names_a_file(word: str, schema: Any) -> bool:  # noqa: ANN401 - a dataclass
    """Whether a word that looks like an option or a flag is a file or folder, as ``x=1.png`` and ``-a.png``.

    Options of the command, and flags of Hydra as they are documented, are none: ``./seed=1`` is.
    """
    if "=" not in word:
        return word[:1] in ("-", "+", "~") and not _FLAG.fullmatch(word) and _is_there(word)
    key = word.partition("=")[0].lstrip("+~")
    own = {name.partition(".")[0] for name, _, _ in options(schema)} | {"hydra"}
    return key.partition(".")[0].partition("/")[0] not in own and _is_there(word)


def keep_names(words: list[str], schema: Any) -> list[str]:  # noqa: ANN401
    """Quote the values of text options that are names, or that Hydra can't read, as ``run=seed=1/Größe``.

    Args:
        words: the command line.
        schema: the options, as a dataclass with their defaults.
    """
    texts = {name for name, item, _ in options(schema) if item.type in (str, str | None)} | {*_FOLDERS}
    kept = []
    for word in words:
        key, _, value = word.partition("=")
        is_name = key.lstrip("+") in texts and _is_read_otherwise(value)
        kept.append(f"{key}={quoted(value)}" if is_name else word)
    return kept


def _is_read_otherwise(text: str) -> bool:
    """Whether Hydra refuses a text; or it is the name of a file, and Hydra reads a list or a reference."""
    try:
        override = OverridesParser.create().parse_override(f"x={text}")
        value = None if override.is_sweep_override() else override.value()
    except HydraException:
        return True
    simple = value == text and "${" not in text
    return not simple and not isinstance(value, bool | int | float) and _is_there(text)


def _is_there(name: str) -> bool:
    return is_regular(Path(name)) or is_folder(Path(name))
