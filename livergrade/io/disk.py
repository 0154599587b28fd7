"""Free space on a disk, and sizes as text."""

import shutil
from pathlib import Path


def free_space(path: Path) -> str:
    """Free space on the disk of a file, as text; the file need not exist."""
    folder = next((parent for parent in (path, *path.parents) if parent.is_dir()), None)
    return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are left" if folder else "no folder"


def size_text(size: float) -> str:
    """A number of bytes as text: ``5.0 GB``, below a gigabyte ``120 MB``, and at least ``1 MB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 1):.0f} MB"
