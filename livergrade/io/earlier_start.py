"""Set aside or remove what an earlier start left in a folder, so that it is not taken for the new one's."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from livergrade.io.write_below import is_plain_file


def set_aside(folder: Path, names: Iterable[str]) -> Path | None:
    """Move files and folders below a folder into a new one, ``earlier_start_<n>``: nothing is removed.

    Args:
        folder: the output folder.
        names: paths relative to it; those that are not there are passed over.

    Returns:
        The new folder; None if there was nothing to move.
    """
    left = [name for name in names if os.path.lexists(folder / name)]
    if not left:
        return None
    for number in itertools.count(1):
        aside = folder / f"earlier_start_{number}"
        try:
            aside.mkdir()
        except FileExistsError:
            continue
        break
    for name in left:
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(aside / name)
    return aside


def remove_made(out: Path, made: Mapping[str, str]) -> None:
    """Remove the files that earlier starts of a command made in an output folder; others stay.

    Args:
        out: the output folder.
        made: by folder, relative to it, a regular expression that the whole name of such a file matches.
    """
    for folder, name in made.items():
        if (out / folder).is_dir() and not (folder and (out / folder).is_symlink()):
            for path in (out / folder).iterdir():
                if re.fullmatch(name, path.name) and is_plain_file(path):
                    path.unlink()
