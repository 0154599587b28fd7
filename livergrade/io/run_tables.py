"""Read the CSV files of a run: bounded, whole, and with the columns that they must have."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.io.regular_files import MEGABYTE, read_regular
from livergrade.io.visible import shown

LARGEST = 1024 * MEGABYTE
_COLUMNS, _CELLS, _CELL = 4096, 50_000_000, 131_072


def read_run_table(
    path: Path,
    *,
    needed: Sequence[str],
    fix: str,
    called: str = "a CSV table",
    numbers: Sequence[str] = (),
    dtype: Any = str,  # noqa: ANN401 - as pandas takes it
) -> pd.DataFrame:
    """Read a CSV file in UTF-8, with or without a byte-order mark. No cell is taken for a missing value.

    Args:
        path: the file.
        needed: columns that it must have.
        fix: what to do if it is damaged, for the message.
        called: what the file is, for the message.
        numbers: columns that must hold finite numbers.
        dtype: types of the columns, as pandas takes them; text by default.

    Raises:
        UserError: it is missing, too large or no such table, or a column is missing, given twice, or not of
            its type.
    """
    name = shown(path)
    content = read_regular(path, LARGEST, fix=fix, called=called)
    try:
        header = _header(content)
        if len(header) * content.count(b"\n") > _CELLS:
            raise ValueError(f"more than {_CELLS:,} cells")
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.BytesIO(content),
                dtype=_by_column(dtype, header),
                keep_default_na=False,
                encoding="utf-8-sig",
                low_memory=False,
            )
        _check_cells(table, header)
    except (ValueError, OverflowError, pd.errors.ParserWarning, csv.Error) as error:
        reason = shown(str(error).partition("\n")[0])
        raise UserError(f"{name}: can't be read as {called} ({reason}); {fix}") from None
    if missing := [column for column in needed if column not in header]:
        raise UserError(
            f"{name}: no column {', '.join(missing)}; its columns are {shown(', '.join(header))}; {fix}"
        )
    for column in numbers:
        if column in header:
            _check_numbers(table, column, name, fix)
    return table


def _by_column(dtype: Any, header: Sequence[str]) -> Any:  # noqa: ANN401
    if isinstance(dtype, Mapping):
        return {column: kind for column, kind in dtype.items() if column in header}
    return dtype


def _header(content: bytes) -> list[str]:
    """Names of the columns."""
    if b"\0" in content:
        raise ValueError("it holds NUL bytes")
    content.decode("utf-8-sig")  # whole, so that a bad byte is reported with its position
    first = content.split(b"\n", 1)[0][: _COLUMNS * 1024].decode("utf-8-sig", "ignore").rstrip("\r")
    header = next(csv.reader([first]), [])
    if len(header) > _COLUMNS:
        raise ValueError(f"more than {_COLUMNS} columns")
    if twice := sorted({column for column in header if header.count(column) > 1}):
        raise ValueError(f"more than one column {shown(twice[0], 60)}")
    return header


def _check_cells(table: pd.DataFrame, header: Sequence[str]) -> None:
    if list(table.columns) != list(header) or not isinstance(table.index, pd.RangeIndex):
        raise ValueError("rows have more cells than the header")
    for column in table.columns:
        cells = table[column]
        if pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_bool_dtype(cells):
            continue
        if cells.isna().any():
            raise ValueError(f"row {int(cells.isna().to_numpy().argmax()) + 2}: too few cells")
        if len(cells) and int(cells.astype(str).str.len().max()) > _CELL:
            raise ValueError(f"column {shown(column, 60)}: a cell is longer than {_CELL:,} characters")


def _check_numbers(table: pd.DataFrame, column: str, name: str, fix: str) -> None:
    values = pd.to_numeric(table[column], errors="coerce")
    bad = np.flatnonzero(~np.isfinite(values.to_numpy(np.float64)))
    if len(bad):
        cell = shown(table[column].iloc[bad[0]], 60)
        raise UserError(f"{name}: row {bad[0] + 2}: {column} {cell!r} is not a finite number; {fix}")
