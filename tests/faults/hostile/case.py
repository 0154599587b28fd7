"""What a hostile or careless input is: a command, its words, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where a case is tried.

    Attributes:
        folder: empty; the case writes its input here.
        run: a copy of a finished run of a small network, to be changed at will.
        manifest: the manifest of the cohort that the run was trained on; not to be changed.
        slide: a small slide; not to be changed.
        bait: a folder of somebody's files, outside of all that a command is told to touch.
        out: where the command is told to write; it does not exist.
    """

    folder: Path
    run: Path
    manifest: Path
    slide: Path
    bait: Path
    out: Path


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        name: what is hostile or careless about it, in words.
        command: name of the command: ``train``, ``predict``, ...
        prepare: writes the input and returns the command's words.
        refused: what its message says, a regular expression; None if the command must finish.
        check: raises AssertionError if what the command left is wrong.
        environment: variables that are set while the command runs.
    """

    name: str
    command: str
    prepare: Callable[[Place], list[str]]
    refused: str | None = None
    check: Callable[[Place], None] | None = None
    environment: tuple[tuple[str, str], ...] = ()
