"""Rows of an Excel workbook (.xlsx), read with openpyxl: each cell as the text that a person sees."""

from __future__ import annotations

import datetime
import itertools
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from livergrade.io.table_text import TableRow, count_cells

MOST_UNPACKED, MOST_ELEMENTS, MOST_ROWS = 2**27, 2**23, 2**20
"""Bytes and elements of the unpacked workbook, some four a cell; and the rows that Excel itself allows."""


def read_workbook(path: Path) -> list[TableRow]:
    """Read the only sheet of a workbook that holds anything.

    Returns:
        All rows with a cell that is not blank.

    Raises:
        ValueError: openpyxl is missing; the workbook is damaged, too large, has several sheets, or formulas
            whose results are not stored.
        OSError: it can't be read.
    """
    try:
        import openpyxl
    except ImportError:
        raise ValueError(
            "it is an Excel workbook, which needs openpyxl: pip install 'livergrade[excel]'; or save it as "
            "CSV in UTF-8"
        ) from None
    _refuse_large(path)
    books: list[Any] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles that openpyxl does not know
            books += [openpyxl.load_workbook(path, read_only=True, data_only=only) for only in (True, False)]
            return _rows_of(*books)
    except (ValueError, OSError):
        raise
    except Exception as error:  # openpyxl raises what its XML and zip readers raise
        raise ValueError(f"it is a damaged Excel workbook ({type(error).__name__}); save it again") from None
    finally:
        for book in books:
            book.close()


def _refuse_large(path: Path) -> None:
    """Refuse a workbook that takes much memory, before openpyxl reads a row of it at once."""
    elements = 0
    try:
        with zipfile.ZipFile(path) as archive:
            if (size := sum(entry.file_size for entry in archive.infolist())) > MOST_UNPACKED:
                raise ValueError(f"it unpacks to {size / 1e6:.0f} MB, more than {MOST_UNPACKED / 1e6:.0f} MB")
            for name in archive.namelist():
                with archive.open(name) as part:
                    while chunk := part.read(2**20):
                        elements += chunk.count(b"<")
                        if elements > MOST_ELEMENTS:
                            raise ValueError(
                                f"it has more than {MOST_ELEMENTS} elements; save it as CSV in UTF-8"
                            )
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise ValueError(f"it is a damaged Excel workbook ({type(error).__name__}); save it again") from None


def _rows_of(values: Any, formulas: Any) -> list[TableRow]:  # noqa: ANN401 - openpyxl has no types
    filled = [sheet.title for sheet in values.worksheets if next(_cells(sheet), None)]
    if len(filled) > 1:
        raise ValueError(
            f"it has several sheets ({', '.join(filled)}); save the one that is meant as a workbook of its "
            "own, or as CSV in UTF-8"
        )
    if not filled:
        return []
    rows, unknown = [], []
    for (number, row), (_, written) in zip(
        _cells(values[filled[0]]), _cells(formulas[filled[0]]), strict=False
    ):
        unknown += [
            f"{cell.coordinate}"
            for cell, typed in zip(row, written, strict=False)
            if cell.value is None and typed.data_type == "f"
        ]
        texts = [_text(cell) for cell in row]
        if any(text and not text.isspace() for text in texts):
            rows.append(TableRow(number, number, texts))
    if unknown:
        raise ValueError(
            f"cells {', '.join(unknown[:5])}{', …' if len(unknown) > 5 else ''} hold formulas without a "
            "result; open it in Excel and save it"
        )
    return rows


def _cells(sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:  # noqa: ANN401
    """Rows in which a cell is filled, with their numbers from 1, whatever the file says of its size."""
    sheet.reset_dimensions()
    cells = 0
    for number, row in zip(itertools.count(1), sheet.iter_rows(), strict=False):
        if number > MOST_ROWS:
            raise ValueError(f"it has more than {MOST_ROWS} rows")
        cells = count_cells(cells, len(row))
        if any(cell.value is not None or cell.data_type == "f" for cell in row):
            yield number, row


def _text(cell: Any) -> str:  # noqa: ANN401
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int) and re.fullmatch("0+", cell.number_format or ""):
        return str(value).zfill(len(cell.number_format))  # 7, shown as 007
    return str(value)
