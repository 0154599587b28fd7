"""What Hydra refuses on the command line, in one line and without advice that does not help here."""

from __future__ import annotations

import difflib
import re
from typing import Any

from hydra.errors import OverrideParseException

from livergrade.config.fields import options

_ADVICE = re.compile(
    r"\s*(To append to your config use|Either remove|Or add a second|See https?:|Config search path|"
    r"provider=|full_key:|object_type=|reference_type=)"
)
"""Lines that are left out: no option can be appended, and the types are those of the program."""
_UNKNOWN = re.compile(r"Could not (?:override|delete from config\.) '(?P<key>[^']*)'")
_TWICE = re.compile(r"An item is already at '(?P<key>[^']*)'|(?P<group>\S+) appears more than once")
_CHOICE = re.compile(r"Could not find '(?P<group>[^']*)/(?P<name>[^'/]*)'")


def refusal(error: Exception, schema: Any) -> str:  # noqa: ANN401 - a dataclass with every option's default
    """One line for what Hydra says of the command line.

    Args:
        error: Hydra's error.
        schema: the options of the command.
    """
    text = str(error).strip()
    if isinstance(error, OverrideParseException):
        reason = text.splitlines()[0].removeprefix(f"Error parsing override '{error.override}'").strip()
        return (
            f"{error.override}: can't be read ({reason or text.splitlines()[1]}); write key=value, and put a "
            "value with brackets or spaces in quotes"
        )
    if found := _UNKNOWN.match(text):
        return unknown_option(found["key"], schema)
    if found := _TWICE.search(text):
        key = found["key"] or found["group"]
        return f"{key}: is an option already; write {key}=<value>, without +"
    if found := _CHOICE.search(text):
        names = re.findall(r"^\t(\S+)$", text.partition("Config search path")[0], re.MULTILINE)
        return f"{found['group']}={found['name']}: must be one of {', '.join(names)}"
    if text.startswith("Error merging override "):
        text = f"{text.splitlines()[0].removeprefix('Error merging override ')}: {error.__cause__ or ''}"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _ADVICE.match(line)]
    return " ".join(lines)


def unknown_option(key: str, schema: Any) -> str:  # noqa: ANN401
    """Say that the command has no such option, and which one has a similar name.

    Args:
        key: as it was typed, dotted.
        schema: the options of the command.
    """
    known = [name for name, _, _ in options(schema)]
    if key in known:
        return f"{key}: can't be taken away; write {key}=<value>, or leave it out"
    groups = {name.rpartition(".")[0] for name in known} - {""}
    like = difflib.get_close_matches(key, [*known, *groups], 1)
    if not like:  # the last part may be right, and the group missing
        like = [name for name in known if name.rpartition(".")[2] == key.rpartition(".")[2]][:1]
    return f"{key}: there is no such option; " + (f"did you mean {like[0]}?" if like else "see --help")
