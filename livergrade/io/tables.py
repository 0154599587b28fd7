"""CSV tables: find cells that a spreadsheet would run as formulas, and write tables whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.files import atomic_write
from livergrade.io.row_messages import row_messages
from livergrade.io.visible import one_line


def formulas(table: pd.DataFrame, where: Callable[[int], str]) -> list[str]:
    """List cells and column names that may not be written into a table, as messages.

    Args:
        table: any table; columns of numbers are not looked at.
        where: name of a row in messages, by its number from 0.
    """
    messages = [
        f"column {name!r} {problem}" for name in table.columns if (problem := cell_problem(str(name)))
    ]
    for name, cells in table.items():
        if pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_bool_dtype(cells):
            continue
        texts = [str(cell) for cell in cells]
        if problems := {text: problem for text in set(texts) if (problem := cell_problem(text))}:
            found = [
                (row, f"{one_line(name)} {text!r} {problems[text]}")
                for row, text in enumerate(texts)
                if text in problems
            ]
            messages += row_messages(found, where)
    return messages


def rows_where(mask: pd.Series[bool]) -> list[int]:
    """Row numbers, from 0, where the mask is true."""
    return [int(row) for row in np.flatnonzero(mask)]


def write_table(table: pd.DataFrame, path: Path, float_format: str | None = "%.9g") -> None:
    """Write a table as CSV atomically; creates the folder. Every CSV file that we write is written here.

    Args:
        table: the table; its index is not written.
        path: the file.
        float_format: format of numbers, nine digits by default; None: the shortest that reads back equal.

    Raises:
        UserError: a spreadsheet would run a cell; inputs are checked, but a run folder may be anybody's.
    """
    if problems := formulas(table, lambda row: f"row {row + 2}"):
        listed = "\n".join(f"  {line}" for line in problems)
        raise UserError(f"{path}: is not written; correct what it was made from:\n{listed}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        table.to_csv(part, index=False, float_format=float_format)
