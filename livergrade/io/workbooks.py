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

_HIDDEN = re.compile(rb"""<(?:\w+:)?row\s[^<>]*\bhidden=["'](?:1|true)["'][^<>]*>""")
_AT = re.compile(rb"""\sr=["'](\d{1,7})["']""")
_LONGEST_START = 2**12
"""Bytes of an element's start, with its attributes."""
_SHOWN_AS = re.compile(r'"([^"]*)"|\\(.)|(0+)|([-/ ])')
"""Parts of a number format that are texts, zeros and signs, as in ``"P"000`` and ``00-000``."""


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
    hidden = _hidden_rows(path)
    books: list[Any] = []
    try:
        with (
            warnings.catch_warnings(),
            path.open("rb") as file,
        ):  # opened here: a workbook may have any suffix
            warnings.simplefilter("ignore")  # of styles that openpyxl does not know
            books += [openpyxl.load_workbook(file, read_only=True, data_only=only) for only in (True, False)]
            rows = _rows_of(*books)
        _refuse_hidden(hidden & {row.number for row in rows})
        return rows
    except (ValueError, OSError):
        raise
    except Exception as error:  # openpyxl raises what its XML and zip readers raise
        raise ValueError(f"it is a damaged Excel workbook ({type(error).__name__}); save it again") from None
    finally:
        for book in books:
            book.close()


def _hidden_rows(path: Path) -> set[int]:
    """Numbers of the rows that are hidden, of all sheets.

    A workbook that takes much memory is refused here, before openpyxl reads a row of it at once.
    """
    elements, hidden = 0, set[int]()
    try:
        with zipfile.ZipFile(path) as archive:
            if (size := sum(entry.file_size for entry in archive.infolist())) > MOST_UNPACKED:
                raise ValueError(f"it unpacks to {size / 1e6:.0f} MB, more than {MOST_UNPACKED / 1e6:.0f} MB")
            for name in archive.namelist():
                before = b""  # the start of an element that goes on in the next block
                with archive.open(name) as part:
                    while chunk := part.read(2**20):
                        elements += chunk.count(b"<")
                        if elements > MOST_ELEMENTS:
                            raise ValueError(
                                f"it has more than {MOST_ELEMENTS} elements; save it as CSV in UTF-8"
                            )
                        text = before + chunk
                        hidden |= {
                            int(number[1]) for row in _HIDDEN.findall(text) if (number := _AT.search(row))
                        }
                        before = text[max(text.rfind(b"<"), len(text) - _LONGEST_START) :]
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise ValueError(f"it is a damaged Excel workbook ({type(error).__name__}); save it again") from None
    return hidden


def _refuse_hidden(rows: set[int]) -> None:
    """Refuse rows that a person does not see, and may believe to be left out.

    Raises:
        ValueError: with their numbers.
    """
    if rows:
        first = ", ".join(map(str, sorted(rows)[:5])) + ", …" * (len(rows) > 5)
        raise ValueError(
            f"{len(rows)} row{'s' * (len(rows) > 1)} with cells ({first}) are hidden, as "
            "by a filter; show them, or delete those that are not meant"
        )


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
    return _formatted(value, cell.number_format or "") if isinstance(value, int) else str(value)


def _formatted(value: int, form: str) -> str:
    """A whole number as a format of texts and zeros shows it: 7 as 007, P007 or 0-07."""
    parts = list(_SHOWN_AS.finditer(form))
    places = sum(len(part[3] or "") for part in parts)
    if value < 0 or not places or "".join(part[0] for part in parts) != form:
        return str(value)
    digits = str(value).zfill(places)
    shown, at = "", len(digits) - places  # what is more than the zeros stands before the first of them
    first = True
    for part in parts:
        if part[3]:
            shown += digits[0 if first else at : at + len(part[3])]
            at, first = at + len(part[3]), False
        else:
            shown += part[1] or part[2] or part[4] or ""
    return shown
