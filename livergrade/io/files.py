"""Write files atomically."""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from livergrade.io.write_below import is_plain_file, require_writable

log = logging.getLogger(__name__)


PART = re.compile(r"\.(.+)\.[0-9a-f]{16}\.part", re.DOTALL)
"""Name of a temporary file: that of the final file, cut to `NAME` characters, and a random number."""
NAME = 50
SUBFOLDERS = ("", "checkpoints", "figures", "maps", "pictures", "regions", "images")
"""Folders in which an output folder has files that are written whole."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary file in the same folder, which is renamed to ``path`` only on success.

    The temporary file is new and empty, under a name that can't be foreseen. If the process dies, ``path``
    keeps the old file or stays absent. If two processes write at the same time, the last one wins.

    Raises:
        UserError: ``path`` is a link or a folder, or the current command may not write there.
    """
    require_writable(path)
    part = path.with_name(f".{path.name[:NAME]}.{secrets.token_hex(8)}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY, 0o666))
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: Path, name: str | None = None) -> None:
    """Remove and log partial files left by killed processes.

    Only regular files with the name that :func:`atomic_write` gives are removed, and no link is followed.
    Call it only if no other process is writing: its unfinished file would be removed too.

    Args:
        folder: searched, and those of its subfolders that are in `SUBFOLDERS`.
        name: name of the final file; None: any.
    """
    parts = [
        path
        for below in SUBFOLDERS
        if (inside := folder / below).is_dir() and not (below and inside.is_symlink())
        for path in inside.iterdir()
        if (match := PART.fullmatch(path.name)) and is_plain_file(path)
        if name is None or match[1] == name[:NAME]
    ]
    if parts:
        size = sum(path.stat().st_size for path in parts)
        log.warning(
            "%s: removed %d partial files (%.1f MB) of a killed process", folder, len(parts), size / 1e6
        )
    for path in parts:
        path.unlink(missing_ok=True)


def write_json(values: Mapping[str, Any], path: str | Path) -> None:
    r"""Write a JSON object atomically, as strict JSON (a NaN would raise ValueError).

    Bytes of a file name that are no UTF-8 become the escapes that JSON has for them, ``\udc80``.
    """
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_write(Path(path)) as part:
        part.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
