"""CSV tables: read as text, find cells that a spreadsheet would run as formulas, and write them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.files import atomic_write
from livergrade.io.regular_files import no_file
from livergrade.io.visible import one_line

MOST_BYTES, MOST_LINE_BYTES, MOST_COLUMNS, MOST_CELLS = 2**28, 2**20, 5_000, 20_000_000
"""Of a table that is read; a cohort of a hundred thousand images takes a twentieth of the bytes and cells."""


def read_text_table(path: Path) -> pd.DataFrame:
    """Read a CSV file in UTF-8 with every cell as text; blanks around column names are removed.

    Raises:
        UserError: the file is not such a CSV, is larger than a table of images is, or two columns have the
            same name.
    """
    if problem := no_file(path) or _too_large(path):
        raise UserError(f"{path}: can't be read as a CSV file: {problem}")
    try:
        # The header is read as a normal row: pandas would rename a duplicate column.
        rows = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"{path}: can't be read as a CSV file in UTF-8: {reason}") from None
    table = rows.iloc[1:].fillna("").reset_index(drop=True)
    table.columns = rows.iloc[0].fillna("").str.strip().tolist()
    if duplicates := sorted(set(table.columns[table.columns.duplicated()])):
        raise UserError(f"{path}: more than one column {', '.join(duplicates)}; rename or remove one")
    return table


def _too_large(path: Path) -> str | None:
    """Say what a CSV file has too much of; a first pass over its bytes, before each cell takes memory."""
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            return f"it is {size / 1e6:.0f} MB, more than {MOST_BYTES / 1e6:.0f} MB"
        cells = 0
        with path.open("rb") as file:
            while line := file.readline(MOST_LINE_BYTES + 1):
                columns = line.count(b",") + 1
                if len(line) > MOST_LINE_BYTES or (not cells and columns > MOST_COLUMNS):
                    return f"it has lines of more than {MOST_LINE_BYTES} bytes or {MOST_COLUMNS} columns"
                cells += columns
                if cells > MOST_CELLS:
                    return f"it has more than {MOST_CELLS} cells"
    except OSError as error:
        return str(error)
    return None


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
            messages += [
                f"{where(row)}: {one_line(name)} {text!r} {problems[text]}"
                for row, text in enumerate(texts)
                if text in problems
            ]
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
