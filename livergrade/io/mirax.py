"""The files of a MIRAX slide, of which OpenSlide misses one only when pixels of it are read."""

from __future__ import annotations

import re
from pathlib import Path

from livergrade.io.regular_files import is_regular

INDEX = "Slidedat.ini"
"""In the folder of the slide's name: it lists the other files."""
_INDEX_BYTES = 2**20
"""Of the index that are read; real ones have some ten thousand."""
_LISTED = re.compile(r"^\s*(?:FILE_\d+|INDEXFILE)\s*=\s*(.+?)\s*$")


def missing_files(path: Path) -> list[str]:
    """Names of the files that are not in the folder of a MIRAX slide and should be.

    Args:
        path: the slide's ``.mrxs`` file.
    """
    folder = path.with_suffix("")
    if not is_regular(folder / INDEX):
        return [INDEX]
    try:
        with (folder / INDEX).open("rb") as file:
            lines = file.read(_INDEX_BYTES).decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return [INDEX]
    names = [found[1] for line in lines if (found := _LISTED.match(line))]
    inside = [
        name for name in dict.fromkeys(names) if "/" not in name and "\\" not in name and "\0" not in name
    ]
    return [name for name in inside if not is_regular(folder / name)]
