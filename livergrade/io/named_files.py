"""Names of files as tables have them: with the suffix left out, or with the backslashes of Windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from livergrade.io.inside import ELSEWHERE
from livergrade.io.regular_files import is_regular
from livergrade.io.visible import one_line


def as_named(name: str, root: Path, suffix: str | None, suffixes: Sequence[str]) -> str:
    """The name of a file, below a folder, that a table means.

    Args:
        name: as the table has it.
        root: the folder.
        suffix: what is added to names without one of ``suffixes``; None: nothing is.
        suffixes: in lower case, with their points.
    """
    bare = not name.lower().endswith(tuple(suffixes))
    whole = f"{name}{suffix}" if suffix and name and bare else name
    if "\\" in whole and not ELSEWHERE.match(whole) and not is_regular(root / whole):
        return whole.replace("\\", "/")
    return whole


def suffix_advice(name: str, root: Path, suffixes: Sequence[str]) -> str:
    """What to do about a name without a suffix: which files have it with one; empty if none has."""
    if ELSEWHERE.match(name) or name.lower().endswith(tuple(suffixes)):
        return ""
    found = [suffix for suffix in suffixes if is_regular(root / f"{name}{suffix}")]
    if not found:
        return ""
    there = " and ".join(one_line(f"{Path(name).name}{suffix}") for suffix in found)
    return f"; {there} {'is' if len(found) == 1 else 'are'} there: set data.suffix={found[0]}"


def suffix_problem(suffix: str | None, suffixes: Sequence[str]) -> list[str]:
    """Why the option ``data.suffix`` can't be used; empty if it can."""
    if suffix is None or suffix.lower() in suffixes:
        return []
    return [f"data.suffix={suffix}: must be one of {', '.join(suffixes)}"]
