"""Flags that a command takes besides its options: their list for the help, and slips of the pen."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence

FLAGS = {
    "--help": "this text",
    "--version": "the version",
    "--cfg": "print what would be run, and do nothing: --cfg job",
    "--multirun": "a run for each combination of comma-separated values; also -m",
    "--config-dir": "a folder of groups of your own, as experiment/mine.yaml; also -cd",
}
"""Flags that are listed, and their meaning."""
OTHERS = (
    *("--resolve", "--package", "--run", "--info", "--config-path", "--config-name", "--hydra-help"),
    "--experimental-rerun",
)
"""Further flags of Hydra."""
_WITH_VALUE = (
    *("--cfg", "-c", "--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn"),
    *("--package", "-p", "--experimental-rerun"),
)
"""Flags whose value is the next word."""
_MODES = {"-m": "--multirun", "-r": "--run", "-c": "--cfg", "-i": "--info"}
"""Short and long flags of which Hydra takes one at most."""
REPLACED = ("--shell-completion", "-sc")


def flags_help() -> str:
    """The flags for the end of a help text."""
    lines = [f"  {flag:<14}{meaning}" for flag, meaning in FLAGS.items()]
    return "\nFlags:\n\n" + "\n".join(lines) + "\n"


def flags_first(words: Sequence[str]) -> list[str]:
    """The flags with their values, then all other words: Hydra takes no flag between two options.

    Args:
        words: the words of a command line, of which those that begin with ``-`` are flags.
    """
    flags: list[str] = []
    others: list[str] = []
    for previous, word in itertools.pairwise(["", *words]):
        is_flag = word.startswith("-") or previous in _WITH_VALUE
        (flags if is_flag else others).append(word)
    return flags + others


def clashing_flags(words: Sequence[str]) -> str:
    """Say that only one of two flags can be given; empty if they go together.

    Args:
        words: the words of a command line, without those that name files.
    """
    given = {_MODES.get(word, word.partition("=")[0]) for word in words}
    modes = [flag for flag in _MODES.values() if flag in given]
    return f"{' and '.join(modes)}: only one of them can be given; leave out the other" * (len(modes) > 1)


def unknown_flag(words: Sequence[str]) -> str:
    """Say that there is no such flag, and which one has a similar name; empty if each is known.

    Args:
        words: the words of a command line, without those that name files.
    """
    for word in words:
        flag = word.partition("=")[0]
        if flag in REPLACED:
            return f"{flag}: livergrade completion bash (or zsh) prints what completes commands and options"
        if len(flag) < 3 or flag[:2] != "--" or any(known.startswith(flag) for known in (*FLAGS, *OTHERS)):
            continue
        like = difflib.get_close_matches(flag, [*FLAGS, *OTHERS], 1)
        fix = f"did you mean {like[0]}?" if like else "see --help; options are written key=value"
        return f"{flag}: there is no such flag; {fix}"
    return ""
