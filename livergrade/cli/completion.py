"""Completion of commands and options by the Tab key: the script for a shell, and what may come next."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from livergrade.cli.commands import COMMANDS, Command
from livergrade.cli.flags import FLAGS
from livergrade.cli.groups import choices, config_dirs, groups
from livergrade.config.fields import options
from livergrade.errors import UserError
from livergrade.io.similar import similar

BASH = """_livergrade() {
    local line mode
    COMPREPLY=()
    {
        IFS= read -r mode
        while IFS= read -r line; do COMPREPLY+=("$line"); done
    } < <("$1" completion complete "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    [[ $mode == files ]] && compopt -o filenames 2>/dev/null
}
complete -o nospace -F _livergrade livergrade
"""
ZSH = """#compdef livergrade
_livergrade() {
    local -a found
    found=("${(@f)$("${words[1]}" completion complete "${(j: :)${(@)words[1,CURRENT]}}" 2>/dev/null)}")
    shift found
    compadd -- "${(@)${(@M)found:#* }% }"
    compadd -S '' -- "${(@)found:#* }"
}
compdef _livergrade livergrade
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH}
NAMES = (
    *("run", "runs", "out", "inputs", "images", "slides", "table", "regions", "exclude", "study"),
    *("readings", "viewer", "manifest", "of"),
    *("train.resume", "model.weights", "hydra.run.dir", "hydra.sweep.dir"),
)
"""Options whose values are files or folders, besides those of a cohort."""


def answer(words: Sequence[str]) -> str:
    """What ``livergrade completion`` prints.

    Args:
        words: the name of a shell; or ``complete``, a command line up to the cursor, and the characters at
            which the shell breaks words, if it replaces the part after the last of them alone.

    Raises:
        UserError: there is no script for that shell.
    """
    if words[:1] == ["complete"] and len(words) > 1:
        files, found = complete(words[1])
        kept = _before_break(_split(words[1])[-1], words[2] if len(words) > 2 else "")
        return "\n".join(["files" if files else "words", *(one[kept:] for one in found)]) + "\n"
    shell = words[0] if words else ""
    if shell not in SCRIPTS:
        raise UserError(f"{' '.join(['completion', *words])}: {similar(shell, list(SCRIPTS))}")
    return SCRIPTS[shell]


def complete(line: str) -> tuple[bool, list[str]]:
    """Words that may stand in place of the last one of a command line.

    Args:
        line: the command line up to the cursor, with the program's name.

    Returns:
        Whether files are among them, and the words, whole; what is complete ends with a space.
    """
    _, *words, current = _split(line)
    if not words:
        names = [*COMMANDS, "completion", "--help", "--version"]
        return False, _starting([f"{name} " for name in names], current)
    if words[0] == "completion":
        return False, _starting([f"{name} " for name in SCRIPTS], current)
    if words[0] not in COMMANDS:
        return False, []
    command, previous = COMMANDS[words[0]], words[-1]
    if previous in ("--config-dir", "-cd"):
        return True, _files(current)
    if previous in ("--cfg", "-c"):
        return False, _starting(["job ", "hydra ", "all "], current)
    if current.startswith("-"):
        return False, _starting([f"{flag} " for flag in FLAGS], current)
    own = config_dirs(words)
    if "=" in current:
        return _values(command, current, own)
    found = _starting(_keys(command, current, own), current)
    files = _files(current) if command.words and not command.all_words else []
    return bool(files), [*found, *files]


def _split(line: str) -> list[str]:
    """The words of a line, the last one perhaps begun or empty; at least the program and one more."""
    for closing in ("", "'", '"', "\\"):
        try:
            words = shlex.split(line + closing)
            break
        except ValueError:  # in quotes that are still open
            continue
    else:
        words = line.split()
    if len(words) < 2 or (line[-1:].isspace() and not closing):
        words.append("")
    return words


def _before_break(word: str, breaks: str) -> int:
    """How many characters of a word a shell leaves as they are."""
    return max((word.rfind(sign) + 1 for sign in breaks if sign in "=:"), default=0)


def _starting(names: Iterable[str], start: str) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(start)]


def _schemas(command: Command) -> list[Command]:
    """The command, and with it the one whose options it takes, too."""
    return [command, COMMANDS["train"]] if command.all_words else [command]


def _keys(command: Command, current: str, own: Sequence[Path]) -> list[str]:
    """Groups with ``=``, and options with ``=`` or up to the next dot."""
    found = []
    for each in _schemas(command):
        found += [f"{group}=" for group in groups(each.name, own)]
        for key, _, _ in options(each.schema):
            if key in command.refused or not key.startswith(current):
                continue
            head, dot, _ = key[len(current) :].partition(".")
            found.append(f"{current}{head}{dot or '='}")
    return found


def _values(command: Command, current: str, own: Sequence[Path]) -> tuple[bool, list[str]]:
    """Values of a group or an option, the last one of several that are separated by commas."""
    key, _, typed = current.partition("=")
    name, (several, comma, last) = key.lstrip("+"), typed.rpartition(",")
    before = f"{key}={several}{comma}"
    for each in _schemas(command):
        if name in groups(each.name, own):
            return False, [f"{before}{one} " for one in _starting(choices(name, own), last)]
    found: dict[str, Any] = {
        option: item for each in _schemas(command) for option, item, _ in options(each.schema)
    }
    item = found.get(name)
    if name in NAMES or (item is not None and item.metadata["path"]):
        return True, [f"{key}={file}" for file in _files(typed)]
    if item is None:
        return False, []
    values = list(item.metadata["choices"]) or (["true", "false"] if item.type in (bool, bool | None) else [])
    optional = ["null"] if values and not isinstance(item.type, type) else []
    return False, [f"{before}{one} " for one in _starting([*values, *optional], last)]


def _files(start: str) -> list[str]:
    """Files and folders whose path begins so, folders with a slash; hidden ones only if asked for."""
    head, slash, name = start.rpartition("/")
    folder = Path(head + slash or ".").expanduser()
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []
    return [
        f"{head}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if entry.name.startswith(name)
        and entry.name.isprintable()
        and entry.name.startswith(".") <= name.startswith(".")
    ]
