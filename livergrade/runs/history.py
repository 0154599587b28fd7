"""Read the training curves of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.io.json_files import AGAIN, in_file
from livergrade.io.run_tables import read_run_table

MOST_EPOCHS = 10**6


def read_curves(path: Path) -> pd.DataFrame:
    """Read a run's ``history.csv``: one row per epoch, numbers alone; a cell may be empty.

    Epochs are counted from 1; those of a file of an earlier version, which counted from 0, are raised by one.

    Raises:
        UserError: the file is missing or damaged.
    """
    text = read_run_table(path, needed=("epoch",), numbers=("epoch",), fix=AGAIN)
    numbers = text.mask(text == "")
    for column in text:
        values = pd.to_numeric(numbers[column], errors="coerce")
        finite = np.isfinite(values.to_numpy(np.float64, na_value=np.nan))
        bad = np.flatnonzero(~finite & numbers[column].notna().to_numpy())
        if len(bad):
            in_file(path, [f"row {bad[0] + 2}: {column}: is not a finite number"])
        numbers[column] = values
    epochs = numbers["epoch"]
    if ((epochs < 0) | (epochs > MOST_EPOCHS) | (epochs % 1 != 0)).any():
        in_file(path, [f"epoch: is not a whole number from 0 to {MOST_EPOCHS:,}"])
    curves = pd.read_csv(path, dtype=np.float64).astype({"epoch": np.int64})  # as pandas rounds numbers
    return curves.assign(epoch=curves["epoch"] + 1) if (curves["epoch"] == 0).any() else curves
