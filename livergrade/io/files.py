"""Write files atomically."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which is renamed to ``path`` only on success.

    If the process dies, ``path`` keeps the old file or stays absent. If two processes write at the same time,
    the last one wins.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: Path, name: str = "*") -> None:
    """Remove and log partial files left by killed processes.

    Call it only if no other process is writing: its unfinished file would be removed too.

    Args:
        folder: searched recursively.
        name: pattern of the names of the final files.
    """
    parts = [path for path in folder.rglob(f".{name}.*.part") if path.is_file()]
    if parts:
        size = sum(path.stat().st_size for path in parts)
        log.warning(
            "%s: removed %d partial files (%.1f MB) of a killed process", folder, len(parts), size / 1e6
        )
    for path in parts:
        path.unlink(missing_ok=True)


def write_json(values: Mapping[str, Any], path: str | Path) -> None:
    """Write a JSON object atomically, as strict JSON (a NaN would raise ValueError)."""
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_write(Path(path)) as part:
        part.write_text(text + "\n", encoding="utf-8")
