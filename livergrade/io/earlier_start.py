"""Set aside what an earlier start left in an output folder, so that it is not taken for the present one's."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from pathlib import Path


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
