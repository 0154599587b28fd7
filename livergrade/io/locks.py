"""Locks between processes: a dead process releases its lock."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock

from livergrade.errors import UserError
from livergrade.io.write_below import is_plain_file


def file_lock(path: Path) -> FileLock:
    """Return the lock of a file, not yet taken.

    To take it truncates the file, and would do so through a link.

    Raises:
        UserError: something else than a file is there.
    """
    if os.path.lexists(path) and not is_plain_file(path):
        raise UserError(f"{path}: is not a file, but a lock is to be taken there; remove it")
    return FileLock(path)
