"""What Hydra refuses on the command line, in one line and without advice that does not help here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from hydra.errors import OverrideParseException

from livergrade.config.fields import options
from livergrade.io.similar import meant, similar
from livergrade.io.typed_list import typed_list

_ADVICE = re.compile(
    r"\s*(To append to your config use|Either remove|Or add a second|See https?:|Config search path|"
    r"provider=|full_key:|object_type=|reference_type=)"
)
"""Lines that are left out: no option can be appended, and the types are those of the program."""
_UNKNOWN = re.compile(r"Could not (?:override|delete from config\.) '(?P<key>[^']*)'")
_TWICE = re.compile(r"An item is already at '(?P<key>[^']*)'|(?P<group>\S+) appears more than once")
_QUOTED = re.compile(r"""'[^'\\]*'|"[^"\\]*\"""")
"""A text in quotes, without a quotation mark or a backslash in it."""
_CHOICE = re.compile(r"Could not find '(?P<group>[^']*)/(?P<name>[^'/]*)'")


_TYPES = {
    "converted to Integer": "must be a whole number",
    "converted to Float": "must be a number",
    "valid bool": "must be true or false",
    "is not a ListConfig": "must be a list, as [a,b]",
    "Cannot convert": "must be a text",
    "Incompatible value 'None'": "can't be None",
    "is not Optional": "can't be empty: leave the line out, or write options below it",
    "is not a subclass of": "holds options; choose a file in defaults, as override /model: senet",
}
"""What OmegaConf says of a value of another type, and what it must be."""


def refusal(error: Exception, schema: Any, groups: Sequence[str] = ()) -> str:  # noqa: ANN401 - a dataclass
    """One line for what Hydra says of the command line.

    Args:
        error: Hydra's error.
        schema: the options of the command, a dataclass with every default.
        groups: the groups that can be chosen.
    """
    text = str(error).strip()
    if isinstance(error, OverrideParseException):
        return unreadable(error)
    if found := _UNKNOWN.match(text):
        return unknown_option(found["key"], schema, groups)
    if found := _TWICE.search(text):
        key = found["key"] or found["group"]
        return f"{key}: is an option already; write {key}=<value>, without +"
    if found := _CHOICE.search(text):
        names = re.findall(r"^\t(\S+)$", text.partition("Config search path")[0], re.MULTILINE)
        return f"{found['group']}={found['name']}: {similar(found['name'], names)}"
    if text.startswith("Error merging override "):
        word = text.splitlines()[0].removeprefix("Error merging override ")
        text = f"{word}: {wrong_type(str(error.__cause__ or ''))}"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _ADVICE.match(line)]
    return " ".join(lines)


def wrong_type(text: str) -> str:
    """What a value must be, where OmegaConf says that it is of another type; any other text as it is.

    Args:
        text: its message, to which it appends lines about the program.
    """
    first = " ".join(re.split(r"\n\s*(?:full_key|object_type|reference_type)", text)[0].split())
    found = next((must for part, must in _TYPES.items() if part in first), first)
    typed = re.search(r"Value '([^']*)'", first)
    return meant(typed[1], ("true", "false")) + found if typed and found == _TYPES["valid bool"] else found


def deletion(word: str, groups: Sequence[str], schema: Any) -> str:  # noqa: ANN401
    """Say that nothing can be taken away, as ``~augment`` would, and what to type instead.

    Args:
        word: as it was typed, with ``~``.
        groups: the groups that can be chosen.
        schema: the options of the command.
    """
    key = re.split("[=@]", word[1:], maxsplit=1)[0]
    known = [name for name, _, _ in options(schema)]
    if key in groups:
        return f"{word}: a group can't be taken away; choose another with {key}=<name>, or leave it out"
    if key in known or not key:
        return unknown_option(key or word, schema)
    if re.match(r"hydra\b", key) or any(name.startswith(f"{key}.") for name in known):
        return f"{word}: can't be taken away; leave it out"
    return unknown_option(key, schema)


def unreadable(error: OverrideParseException) -> str:
    """Say that a word can't be read, and if an apostrophe is the reason, how it is written.

    Args:
        error: what Hydra says of it.
    """
    word, text = error.override, str(error).strip()
    key, _, value = word.partition("=")
    if typed := _with_quotes(key, value):
        return f"{word}: can't be read, since a ' or \" begins a text in quotes; write {typed}"
    reason = text.splitlines()[0].removeprefix(f"Error parsing override '{word}'").strip()
    reason = reason or text.splitlines()[1]
    if reason.startswith("LexerNoViableAlt"):  # a class of the parser's
        ends = "a ' or \" begins a text in quotes that does not end"
        reason = ends if re.search("['\"]", word) else "it is not key=value, or has a sign that needs quotes"
    return (
        f"{word}: can't be read ({reason}); write key=value, and put a value with "
        "brackets or spaces in quotes"
    )


def _with_quotes(key: str, value: str) -> str:
    """A list with an apostrophe or a quotation mark in its items, as it can be typed; empty if none has."""
    inner = value.strip()
    if not (inner.startswith("[") and inner.endswith("]") and re.search("['\"]", inner)):
        return ""
    items = [item.strip() for item in inner[1:-1].split(",")]
    items = [item[1:-1] if _QUOTED.fullmatch(item) else item for item in items]
    if any(item[:1] in ("'", '"') or item[-1:] in ("'", '"') for item in items):
        return ""  # a comma within a text in quotes, perhaps
    return typed_list(key, items)


def unknown_option(key: str, schema: Any, groups: Sequence[str] = ()) -> str:  # noqa: ANN401
    """Say that the command has no such option, and which one has a similar name.

    Args:
        key: as it was typed, dotted.
        schema: the options of the command.
        groups: the groups that can be chosen.
    """
    known = [name for name, _, _ in options(schema)]
    if key in known:
        return f"{key}: can't be taken away; write {key}=<value>, or leave it out"
    parts = {name.rpartition(".")[0] for name in known} - {""}
    like = difflib.get_close_matches(key, [*known, *sorted(parts | set(groups))], 1)
    if not like:  # the last part may be right, and the group missing
        like = [name for name in known if name.rpartition(".")[2] == key.rpartition(".")[2]][:1]
    return f"{key}: there is no such option; " + (f"did you mean {like[0]}?" if like else "see --help")
