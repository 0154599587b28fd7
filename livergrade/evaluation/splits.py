"""Write, read and validate ``split.csv``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from livergrade.errors import UserError
from livergrade.io.tables import write_table

SPLITS = ("train", "val", "test")
COLUMNS = ("image", "patient", "grade", "split", "fold", "sha256")
_REQUIRED = ("image", "patient", "grade", "split", "sha256")


def write_split(split: pd.DataFrame, path: Path) -> None:
    """Write ``split.csv``, atomically."""
    write_table(split, path, None)


def read_split_table(path: Path) -> pd.DataFrame:
    """Read the patient, grade, split and SHA-256 of every image, all as text.

    Raises:
        UserError: the file can't be read, or a column is missing.
    """
    try:
        split = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read as a split: {error}") from None
    if missing := [name for name in _REQUIRED if name not in split]:
        raise UserError(f"{path}: no column {', '.join(missing)}; a split.csv written by a run has them")
    return split
