"""Names of files as tables have them: with the suffix left out, or with the backslashes of Windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from livergrade.io.images import SUFFIXES as IMAGE_SUFFIXES
from livergrade.io.inside import ELSEWHERE
from livergrade.io.regular_files import is_regular
from livergrade.io.similar import similar
from livergrade.io.slide_reader import SUFFIXES as SLIDE_SUFFIXES
from livergrade.io.visible import one_line

FILE_SUFFIXES = (*IMAGE_SUFFIXES, *SLIDE_SUFFIXES)
"""Of images and slides."""


def as_named(name: str, root: Path, suffix: str | None, suffixes: Sequence[str]) -> str:
    """The name of a file, below a folder, that a table means.

    A name with the suffix of another image or slide, which is not there, gets this suffix instead of its own
    if that file is: a table of slides names the images that were made of them.

    Args:
        name: as the table has it.
        root: the folder.
        suffix: what is added to names without one of ``suffixes``; None: nothing is.
        suffixes: in lower case, with their points.
    """
    bare = not name.lower().endswith(tuple(suffixes))
    whole = f"{name}{suffix}" if suffix and name and bare else name
    if ELSEWHERE.match(whole) or (suffix is None and "\\" not in whole) or is_regular(root / whole):
        return whole
    whole = whole.replace("\\", "/")
    if suffix and name.lower().endswith(FILE_SUFFIXES) and not is_regular(root / whole):
        other = _exchanged(name.replace("\\", "/"), suffix)
        return other if is_regular(root / other) else whole
    return whole


def suffix_advice(name: str, root: Path, suffixes: Sequence[str]) -> str:
    """What to do about a name whose file is not there: which files have it with another suffix; or empty."""
    if ELSEWHERE.match(name):
        return ""
    others = [name + suffix for suffix in suffixes if not name.lower().endswith(tuple(suffixes))]
    if name.lower().endswith(FILE_SUFFIXES):
        others += [_exchanged(name, suffix) for suffix in suffixes]
    found = [other for other in others if is_regular(root / other)]
    if not found:
        return ""
    there = " and ".join(one_line(Path(other).name) for other in found)
    is_there = f"{there} {'is' if len(found) == 1 else 'are'} there"
    return f"; {is_there}: set data.suffix={Path(found[0]).suffix}"


def _exchanged(name: str, suffix: str) -> str:
    return name[: name.rindex(".")] + suffix


def suffix_problem(suffix: str | None, suffixes: Sequence[str]) -> list[str]:
    """Why the option ``data.suffix`` can't be used; empty if it can."""
    if suffix is None or suffix.lower() in suffixes:
        return []
    return [f"data.suffix={suffix}: {similar(suffix, suffixes)}"]
