"""Write, read and validate ``split.csv``."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from livergrade.io.run_tables import read_run_table
from livergrade.io.tables import write_table

SPLITS = ("train", "val", "test")
UNUSED = "unused"
"""In place of a part of the split: an image of a patient whom ``split.train_patients`` leaves out."""
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
    return read_run_table(path, needed=_REQUIRED, called="a split", fix="give the split.csv of a run")


def fingerprint(split: pd.DataFrame) -> str | None:
    """Hash of every image's name, split part and content: equal only for the same data and split."""
    if "sha256" not in split:
        return None
    lines = sorted(
        "\t".join(row) for row in split[["image", "patient", "grade", "split", "sha256"]].to_numpy()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
