"""Tables on disk: read a CSV as it is written, find cells that a spreadsheet would run, and write one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.io.files import atomic_write

# What a spreadsheet would compute when it opens a file that we wrote the cell into.
FORMULA = re.compile(r"[=@]|[+-].*[(|!]", re.DOTALL)


def read_text_table(path: Path) -> pd.DataFrame:
    """A CSV file in UTF-8, every cell as the text it is, less the blanks around the columns' names.

    Raises:
        UserError: it is none, or two of its columns have one name.
    """
    try:
        # Its first line is a row like any other here: pandas would rename a second column of the same name.
        rows = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read as a CSV file in UTF-8: {error}") from None
    table = rows.iloc[1:].fillna("").reset_index(drop=True)
    table.columns = rows.iloc[0].fillna("").str.strip().tolist()
    if twice := sorted(set(table.columns[table.columns.duplicated()])):
        raise UserError(f"{path}: more than one column {', '.join(twice)}; rename or remove one")
    return table


def formulas(table: pd.DataFrame, where: Callable[[int], str]) -> list[str]:
    """Cells that a spreadsheet would run, were the table of text written to a CSV again; a line each."""
    formula = "is a formula to a spreadsheet; write it otherwise"
    found = [f"column {name!r} {formula}" for name in table.columns if FORMULA.match(name)]
    for name, cells in table.items():
        found += [
            f"{where(row)}: {name} {cells.iloc[row]!r} {formula}"
            for row in rows_where(cells.str.match(FORMULA))
        ]
    return found


def rows_where(chosen: pd.Series[bool]) -> list[int]:
    """The places, from 0, of the rows that are chosen."""
    return [int(row) for row in np.flatnonzero(chosen)]


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all, with nine digits of every float; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        table.to_csv(part, index=False, float_format="%.9g")
