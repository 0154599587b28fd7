"""The words of a command line, made ready for Hydra: names kept as typed, bare words collected."""

from __future__ import annotations

import itertools
from collections.abc import Container, Sequence
from dataclasses import fields
from typing import Any

from livergrade.cli.commands import Command
from livergrade.cli.flags import clashing_flags, flags_first, unknown_flag
from livergrade.cli.groups import choices, config_dirs, defaults, groups
from livergrade.cli.refusals import deletion
from livergrade.cli.typed_names import keep_names, names_a_file, quoted
from livergrade.cli.typed_text import keep_text
from livergrade.errors import UserError


def prepared(words: Sequence[str], command: Command) -> list[str]:
    """The words as Hydra is given them.

    Args:
        words: as they were typed, without the program's name.
        command: the command that they are for.

    Raises:
        UserError: a word takes something away, or is a flag that there is not.
    """
    schema = command.schema
    ready = keep_text(keep_names(list(words), schema), schema)
    no_files = [word for word in ready if not names_a_file(word, schema)]
    if problem := unknown_flag(no_files) or clashing_flags(no_files):
        raise UserError(problem)
    if command.words:
        own_options = {item.name for item in fields(schema)} if command.all_words else None
        files = {word for word in ready if names_a_file(word, schema)}
        ready = collect_positionals(ready, command.words, own_options, files)
    _refuse_deletions(ready, command.name, schema)
    return flags_first(without_null_groups(ready, command.name))


def _refuse_deletions(words: Sequence[str], name: str, schema: Any) -> None:  # noqa: ANN401
    """Refuse ``~augment`` and the like, which would leave defaults behind that no file of ``conf/`` has."""
    deletions = [word for word in words if word.startswith("~")]
    if deletions:
        raise UserError("; ".join(deletion(word, groups(name), schema) for word in deletions))


def without_null_groups(words: Sequence[str], name: str) -> list[str]:
    """The words without ``group=null``, which Hydra refuses to hear, though it is the default of a group.

    Args:
        words: the words of a command line.
        name: of the command.

    Raises:
        UserError: the group has another default.
    """
    nulls = {word.removesuffix("=null") for word in words if word.endswith("=null")}
    if not nulls:
        return list(words)
    known: dict[str, str | None] = defaults(name)
    typed = nulls & known.keys()
    for group in sorted(typed):
        if known[group] is not None:
            raise UserError(f"{group}=null: choose one of {', '.join(choices(group, config_dirs(words)))}")
    return [word for word in words if word.removesuffix("=null") not in typed]


def collect_positionals(
    words: Sequence[str], option: str, own: set[str] | None = None, files: Container[str] = ()
) -> list[str]:
    """Collect words without ``key=`` that are no flag and no value of a flag into ``option=[...]``.

    With ``own`` also ``key=value``, unless the key is in ``own`` or belongs to Hydra; and names of ``files``.
    """

    def collected(word: str) -> bool:
        key = word.partition("=")[0]
        is_value = "=" not in word or (own is not None and key not in own and not key.startswith("hydra"))
        return is_value and not word.startswith(("~", "+"))

    def is_flag(word: str) -> bool:
        return word.startswith("-") and word not in files

    positionals = [
        word
        for previous, word in itertools.pairwise(["", *words])
        if word in files or (not is_flag(previous) and not is_flag(word) and collected(word))
    ]
    if not positionals:
        return list(words)
    items = ",".join(quoted(word) for word in positionals)
    return [*(word for word in words if word not in positionals), f"{option}=[{items}]"]
