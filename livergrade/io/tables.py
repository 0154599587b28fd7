"""CSV tables: read as text, find cells that a spreadsheet would run as formulas, and write."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.io.files import atomic_write

# Cell text that a spreadsheet would run as a formula when it opens a written file.
FORMULA = re.compile(r"[=@]|[+-].*[(|!]", re.DOTALL)


def read_text_table(path: Path) -> pd.DataFrame:
    """Read a CSV file in UTF-8 with every cell as text; blanks around column names are removed.

    Raises:
        UserError: the file is not such a CSV, or two columns have the same name.
    """
    try:
        # The header is read as a normal row: pandas would rename a duplicate column.
        rows = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read as a CSV file in UTF-8: {error}") from None
    table = rows.iloc[1:].fillna("").reset_index(drop=True)
    table.columns = rows.iloc[0].fillna("").str.strip().tolist()
    if duplicates := sorted(set(table.columns[table.columns.duplicated()])):
        raise UserError(f"{path}: more than one column {', '.join(duplicates)}; rename or remove one")
    return table


def formulas(table: pd.DataFrame, where: Callable[[int], str]) -> list[str]:
    """List cells that a spreadsheet would run as formulas if the table were written to CSV, as messages."""
    reason = "is a formula to a spreadsheet; write it otherwise"
    messages = [f"column {name!r} {reason}" for name in table.columns if FORMULA.match(name)]
    for name, cells in table.items():
        messages += [
            f"{where(row)}: {name} {cells.iloc[row]!r} {reason}"
            for row in rows_where(cells.str.match(FORMULA))
        ]
    return messages


def rows_where(mask: pd.Series[bool]) -> list[int]:
    """Row numbers, from 0, where the mask is true."""
    return [int(row) for row in np.flatnonzero(mask)]


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV atomically, floats with nine digits; creates the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        table.to_csv(part, index=False, float_format="%.9g")
