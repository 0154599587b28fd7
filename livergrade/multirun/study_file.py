"""Look at the file of a study before Optuna opens it: SQLite runs what a database's schema says."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from livergrade.errors import UserError
from livergrade.io.write_below import is_plain_file

MAGIC = b"SQLite format 3\0"
SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""End of a journal that names a further file, which SQLite would delete."""
LARGEST = 1_000_000_000
"""Bytes; a study of 1,000 trials has about one million."""


def check_study_file(path: Path) -> None:
    """Refuse a study's file that is no plain SQLite database of tables; it need not exist.

    A trigger or a view in it would be run while Optuna reads and writes.

    Raises:
        UserError: names the file and the reason.
    """
    journal = path.with_name(f"{path.name}-journal")
    for file in (path, journal):
        if os.path.lexists(file) and not is_plain_file(file):
            raise _refusal(file, "is a link or no file")
        if file.exists() and file.stat().st_size > LARGEST:
            raise _refusal(file, f"has more than {LARGEST:,} bytes")
    for suffix in ("-wal", "-shm"):
        if path.with_name(path.name + suffix).exists():
            raise _refusal(path, f"comes with {path.name}{suffix}, which livergrade.tune does not write")
    if not path.exists() or not path.stat().st_size:
        if journal.exists():
            raise _refusal(journal, "belongs to no study")
        return
    with path.open("rb") as file_of_study:
        head = file_of_study.read(20)
    if head[:16] != MAGIC or head[18:20] != b"\1\1":
        raise _refusal(path, "is not an SQLite file of a study")
    if journal.exists() and journal.read_bytes()[-8:] == SUPER_JOURNAL:
        raise _refusal(journal, "names a further file")
    for kind, name in _unexpected(path, "rw" if journal.exists() else "ro"):
        raise _refusal(path, f"holds a {kind} named {name!r:.80}, which would be run")


def _unexpected(path: Path, mode: str) -> list[tuple[str, str]]:
    """Kind and name of all that is neither a table nor an index of one.

    An interrupted write is rolled back first if ``mode`` is ``rw``, as Optuna would do, and runs nothing.
    """
    query = (
        "SELECT iif(type = 'table', 'virtual table', type), name FROM sqlite_master WHERE "
        "type NOT IN ('table', 'index') OR (type = 'table' AND ifnull(rootpage, 0) = 0)"
    )
    try:
        address = f"{path.absolute().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(address, uri=True, timeout=60)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            return [(str(kind), str(name)) for kind, name in database.execute(query)]
    except sqlite3.Error as error:
        raise _refusal(path, f"is a damaged SQLite file ({error})") from None


def _refusal(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: {reason}; choose another study")
