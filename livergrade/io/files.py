"""Write a file whole or not at all, and read back what a run wrote."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from livergrade.errors import UserError

log = logging.getLogger(__name__)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a private name beside ``path``, which becomes ``path`` only if all went well.

    A process that dies leaves the old file, or none, under the real name; two that write at once leave the
    file of the later one.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: Path, name: str = "*") -> None:
    """Remove what processes that were killed left half-written, and say so.

    Only where nobody else can be writing: another process's unfinished file would be removed too.

    Args:
        folder: looked through, and what lies below it.
        name: of the files that were to be written; a pattern.
    """
    left = [path for path in folder.rglob(f".{name}.*.part") if path.is_file()]
    if left:
        size = sum(path.stat().st_size for path in left)
        log.warning(
            "%s: removed %d half-written files (%.1f MB) of a killed process", folder, len(left), size / 1e6
        )
    for path in left:
        path.unlink(missing_ok=True)


def read_facts(path: Path, keys: frozenset[str]) -> dict[str, Any]:
    """A JSON file that a run wrote, with at least these keys.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        found = dict(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise UserError(
            f"{path}: can't be read ({error.strerror}); give the folder of a finished run"
        ) from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: is not valid JSON ({error}); train the run again") from error
    if missing := keys - found.keys():
        raise UserError(f"{path}: lacks {', '.join(sorted(missing))}; train the run again")
    return found


def write_json(values: Mapping[str, Any], path: str | Path) -> None:
    """Write a JSON object atomically, as strict JSON (a NaN would raise ValueError)."""
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_write(Path(path)) as part:
        part.write_text(text + "\n", encoding="utf-8")
