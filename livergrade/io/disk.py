"""How much room is left on a disk."""

import shutil
from pathlib import Path


def room(path: Path) -> str:
    """How much is free where a file is, or was to be."""
    folder = next((each for each in (path, *path.parents) if each.is_dir()), None)
    return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are left" if folder else "no folder"
