"""``readings.csv``: one row for each time that a reader looked at an image, and tables of other tools."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.inside import same_on_disk
from livergrade.io.row_messages import row_messages
from livergrade.io.tables import write_table
from livergrade.io.user_tables import UserTable, Wanted, read_user_table
from livergrade.io.visible import one_line, shown

log = logging.getLogger(__name__)

COLUMNS = (
    *("reader", "image", "sha256", "grade", "confidence", "seconds", "comment", "time", "order", "mode"),
    *("excluded", "undone"),
)
"""Columns of ``readings.csv``, in this order. A column ``patient`` may follow."""
MODES = ("read", "adjudicate", "audit", "confirm")
"""Why an image was shown: read on its own, to settle a disagreement, or beside what a network answered."""
WIDE = "grade_"
"""Start of the name of a column of a manifest that holds the grades of one reader."""
_NEEDED = ("reader", "image", "grade")
MOST_READERS = 100
"""Readers of a review at most."""
_READER = re.compile(r"\w[\w-]{0,39}")
_SHA256 = re.compile("[0-9a-f]{64}")


def read_readings(
    path: Path,
    classes: Sequence[str],
    columns: Mapping[str, str | None] | None = None,
    also: Callable[[pd.DataFrame], Sequence[tuple[int, str]]] | None = None,
) -> pd.DataFrame:
    """Read readings: ``readings.csv``, a table of another tool, or a manifest with ``grade_<reader>``.

    Args:
        path: CSV or .xlsx.
        classes: the grades, worst to best.
        columns: the table's names of our columns, where they are others; None: they are ours.
        also: what else is wrong with rows, to be listed with what is wrong with their cells: takes the cells
            as text, gives numbers of rows from 0, each with the reason.

    Returns:
        One row a reading, in the order of the file: `COLUMNS` and ``patient``. Text columns are text, blank
        where nothing is given; ``confidence`` (1 to 5) and ``seconds`` are float64 with NaN for a blank;
        ``order`` is float64, too; ``mode`` is one of `MODES`; ``undone`` is bool.

    Raises:
        UserError: it can't be read, lacks a column, or has rows that can't be used; all of those are listed.
    """
    given = {name: column for name, column in (columns or {}).items() if column is not None}
    known = (*COLUMNS, "patient")
    wanted = Wanted(known, (), given, "columns", _numbers())
    table = read_user_table(path, wanted)
    readers = [name for name in map(str, table.cells) if name.startswith(WIDE) and len(name) > len(WIDE)]
    if readers and "reader" not in table.cells:
        table = _long(table, readers)
    else:
        table = read_user_table(path, Wanted(known, _NEEDED, given, "columns", _numbers()))
    cells = table.cells.apply(lambda column: column.str.strip())
    cells = cells.reindex(columns=[*known], fill_value="")
    cells["mode"] = cells["mode"].replace("", "read")
    found = [*_found(cells, classes), *(also(cells) if also else ())]
    problems = [*table.problems, *row_messages(found, table.where)]
    if problems:
        listed = "\n".join(f"  {line}" for line in problems)
        raise UserError(f"{path}: can't be used as readings:\n{listed}")
    return _typed(cells)


def write_readings(readings: pd.DataFrame, path: Path, classes: Sequence[str]) -> None:
    """Write ``readings.csv`` atomically, after the same checks as for reading.

    A comment is free text: one that a spreadsheet would run as a formula gets ``'`` in front. In any other
    column such a cell is refused, as in every table.

    Args:
        readings: one row a reading, with the columns that `read_readings` returns; ``patient`` is optional.
        path: the file.
        classes: the grades, worst to best.

    Raises:
        UserError: a row can't be used; all are listed, and nothing is written.
    """
    order = [*COLUMNS, *(["patient"] if "patient" in readings else [])]
    if missing := [name for name in COLUMNS if name not in readings]:
        raise UserError(f"{path}: is not written: no column {', '.join(missing)}")
    cells = readings[order].copy()
    for name in ("confidence", "seconds", "order"):
        cells[name] = [_number_text(value) for value in cells[name]]
    cells["undone"] = ["true" if value else "" for value in cells["undone"]]
    cells = cells.astype(str)
    cells["comment"] = [_no_formula(text) for text in cells["comment"]]
    checked = cells.reindex(columns=[*COLUMNS, "patient"], fill_value="")
    found = _found(checked, classes)
    for name, check in _numbers().items():
        for row, text in enumerate(cells[name]):
            try:
                check(text)
            except ValueError as error:
                found.append((row, str(error)))
    if found:
        listed = "\n".join(f"  {line}" for line in row_messages(found, lambda row: f"row {row + 2}"))
        raise UserError(f"{path}: is not written:\n{listed}")
    write_table(cells, path)


def reader_problems(readers: Sequence[str]) -> list[str]:
    """What is wrong with the names of readers, one line each."""
    problems = [f"readers: {problem}" for name in readers if (problem := name_problem(name))]
    keys = [same_on_disk(name) for name in readers]
    twice = sorted({name for name, key in zip(readers, keys, strict=True) if keys.count(key) > 1})
    if twice:
        problems.append(f"readers: {', '.join(map(one_line, twice))} name one reader twice")
    if len(readers) > MOST_READERS:
        problems.append(f"readers: {len(readers)} are named, and at most {MOST_READERS} can be")
    return problems


def name_problem(reader: str) -> str:
    """What is wrong with the name of a reader, or blank."""
    if _READER.fullmatch(reader):
        return ""
    return f"{one_line(reader)!r} must be up to 40 letters, digits, _ and -, as it names a column"


def _long(table: UserTable, readers: Sequence[str]) -> UserTable:
    """A manifest with a column for each reader as one row a reading; a blank cell is none.

    Raises:
        UserError: it has no column of images, or an image twice.
    """
    if "image" not in table.cells:
        raise UserError(f"{table.path}: no column image; name it with columns.image=<column>")
    if "grade" in table.cells:
        log.info("%s: column grade is of no reader and is left out", table.path)
    images = table.cells["image"].str.strip()
    twice = np.flatnonzero(images.duplicated())
    problems = row_messages(
        [(int(row), f"image {shown(images.iloc[row], 60)!r} has a row already") for row in twice], table.where
    )
    kept = table.cells[[name for name in ("image", "sha256", "patient") if name in table.cells]]
    parts, rows = [], []
    for name in readers:
        given = table.cells[name].str.strip() != ""
        part = kept[given].assign(reader=name.removeprefix(WIDE), grade=table.cells[name][given])
        parts.append(part)
        rows += [table.rows[row] for row in np.flatnonzero(given)]
    cells = pd.concat(parts, ignore_index=True).astype(str)
    return UserTable(table.path, cells, rows, [*table.problems, *problems])


def _found(cells: pd.DataFrame, classes: Sequence[str]) -> list[tuple[int, str]]:
    """What is wrong with rows: their numbers from 0, each with the reason."""
    found: list[tuple[int, str]] = []
    named = ", ".join(classes)
    for row, cell in enumerate(cells.to_dict("records")):
        found += [(row, f"{name} is blank") for name in ("reader", "image") if not cell[name]]
        if cell["excluded"]:
            if cell["grade"]:
                found.append((row, "has a grade and a reason for exclusion; give one of the two"))
        elif not cell["grade"] and cell["mode"] != "confirm":  # which keeps an image as it is recorded
            found.append((row, "grade is blank; give a grade, or say why in excluded"))
        elif cell["grade"] and cell["grade"] not in classes:
            found.append((row, f"grade {shown(cell['grade'], 60)!r} is none of {shown(named)}"))
        if cell["mode"] not in MODES:
            found.append((row, f"mode {shown(cell['mode'], 60)!r} is none of {', '.join(MODES)}"))
        if cell["undone"].lower() not in ("", "true", "false"):
            found.append((row, f"undone {shown(cell['undone'], 60)!r} is neither true nor false"))
        if cell["sha256"] and not _SHA256.fullmatch(cell["sha256"]):
            found.append((row, "sha256 is no SHA-256: 64 letters of 0-9 and a-f"))
        if cell["time"] and not _has_zone(cell["time"]):
            like = "ISO 8601 with a zone, as 2026-01-31T09:30:00+01:00"
            found.append((row, f"time {shown(cell['time'], 60)!r} is no {like}"))
    for name in ("patient", "sha256"):
        first: dict[str, str] = {}
        for row, (image, value) in enumerate(zip(cells["image"], cells[name], strict=True)):
            if value and first.setdefault(image, value) != value:
                found.append((row, f"image {shown(image, 60)!r} has another {name} in a row above"))
    return found


def _typed(cells: pd.DataFrame) -> pd.DataFrame:
    typed = cells.assign(undone=cells["undone"].str.lower() == "true")
    for name in ("confidence", "seconds", "order"):
        typed[name] = [float(text) if text else math.nan for text in cells[name]]
    return typed


def _numbers() -> dict[str, Callable[[str], object]]:
    """The check of each column of numbers: it raises a ValueError for a cell that can't be used."""
    return {
        "confidence": lambda text: _number("confidence", text, 1, 5, whole=True),
        "seconds": lambda text: _number("seconds", text, 0, 1e7),
        "order": lambda text: _number("order", text, 0, 1e12, whole=True),
    }


def _number(name: str, text: str, low: float, high: float, *, whole: bool = False) -> None:
    if not text.strip():
        return
    kind = "whole number" if whole else "number"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (low <= value <= high) or (whole and value != int(value)):
        upper = f" to {high:g}" if high < 1e6 else " or more"
        raise ValueError(f"{name} {shown(text.strip(), 60)!r} is no {kind} of {low:g}{upper}, nor blank")


def _number_text(value: object) -> str:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _no_formula(text: str) -> str:
    return f"'{text}" if text and cell_problem(text) else text


def _has_zone(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
