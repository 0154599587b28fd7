"""The groups that a command's options are chosen from: folders of YAML files, ours and the user's own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from livergrade.runs.paths import CONF


def defaults(name: str) -> dict[str, str | None]:
    """Group of a command's YAML file → its default; None: none is chosen.

    Args:
        name: of the command.
    """
    import yaml  # not needed to list the commands

    listed = yaml.safe_load((CONF / f"{name}.yaml").read_text("utf-8"))["defaults"]
    return {
        key.split()[-1].partition("@")[0]: value  # it may be optional
        for item in listed
        if isinstance(item, dict)
        for key, value in item.items()
        if not key.startswith("override ")
    }


def groups(name: str, own: Sequence[Path] = ()) -> list[str]:
    """Groups of a command that can be chosen, in the order of its YAML file.

    Args:
        name: of the command.
        own: the user's folders, as ``--config-dir`` names them.
    """
    return [group for group in defaults(name) if group != "local" and choices(group, own)]


def choices(group: str, own: Sequence[Path] = ()) -> list[str]:
    """Names that can be chosen in a group, ours and the user's own, sorted.

    Args:
        group: its name.
        own: the user's folders.
    """
    return sorted({path.stem for folder in (CONF, *own) for path in (folder / group).glob("*.yaml")})


def config_dirs(words: Sequence[str]) -> list[Path]:
    """The user's folders of groups that are named with ``--config-dir`` or ``-cd``."""
    named = [word for flag, word in itertools.pairwise(words) if flag in ("--config-dir", "-cd")]
    named += [word.partition("=")[2] for word in words if word.startswith(("--config-dir=", "-cd="))]
    return [Path(name) for name in named]
