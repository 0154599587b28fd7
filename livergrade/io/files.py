"""Write files atomically, and read the JSON files of a run."""

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


def read_facts(path: Path, keys: frozenset[str]) -> dict[str, Any]:
    """Read a JSON file of a run and require at least these keys.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        facts = dict(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise UserError(
            f"{path}: can't be read ({error.strerror}); give the folder of a finished run"
        ) from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: is not valid JSON ({error}); train the run again") from error
    if missing := keys - facts.keys():
        raise UserError(f"{path}: lacks {', '.join(sorted(missing))}; train the run again")
    return facts


def write_json(values: Mapping[str, Any], path: str | Path) -> None:
    r"""Write a JSON object atomically, as strict JSON (a NaN would raise ValueError).

    Bytes of a file name that are no UTF-8 become the escapes that JSON has for them, ``\udc80``.
    """
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_write(Path(path)) as part:
        part.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
