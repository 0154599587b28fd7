"""Free space on a disk."""

import shutil
from pathlib import Path


def free_space(path: Path) -> str:
    """Free space on the disk of a file, as text; the file need not exist."""
    folder = next((parent for parent in (path, *path.parents) if parent.is_dir()), None)
    return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are left" if folder else "no folder"
