"""Tables that people give: CSV files and Excel workbooks, read whole, with every problem and its row."""

from __future__ import annotations

import itertools
import logging
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from livergrade.errors import UserError
from livergrade.io.images import SUFFIXES
from livergrade.io.named_files import FILE_SUFFIXES
from livergrade.io.regular_files import no_file
from livergrade.io.row_messages import row_messages
from livergrade.io.spreadsheet_traces import trace_problem
from livergrade.io.table_kinds import table_kind
from livergrade.io.table_text import TableRow, column_key, read_text, row_name
from livergrade.io.tables import formulas
from livergrade.io.visible import one_line, shown
from livergrade.io.workbooks import read_workbook

log = logging.getLogger(__name__)

_NAMELESS = re.compile(r"(Unnamed: \d+(_level_\d+)?)?")  # as pandas calls a column without a name
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")
_LIKELY = {
    "image": ("image", "filename", "file", "slide", "path", "tile", "sample", "id"),
    "slide": ("slide", "filename", "file", "image", "path", "id"),
    "patient": ("patient", "case", "subject", "donor"),
    "grade": ("grade", "label", "class", "category", "differentiation", "diagnosis"),
}
"""Words in the names of columns that may be meant, for the advice of a message; nothing is taken by them."""
_BESIDE = {"id", "identifier", "name", "tumor", "tumour", "neoplasm", "histologic", "histological"}
"""Words beside these that leave a name likely, as in ``slide_id``; with any other word it is less so."""
_WORD = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Wanted:
    """What a command reads of a table.

    Attributes:
        known: columns that it reads, by the names that it has for them.
        needed: those of them without which it can't go on.
        given: of the known columns, the names that they have in this table, where somebody said so.
        option: the option that says so, without the column: ``data.columns``.
        numbers: columns of numbers, with a function that raises a ValueError for a cell that can't be used.
        derived: of the needed columns, those that need not be there, since an option gives their cells.
    """

    known: Sequence[str]
    needed: Sequence[str] = ()
    given: Mapping[str, str | None] = field(default_factory=dict)
    option: str = ""
    numbers: Mapping[str, Callable[[str], object]] = field(default_factory=dict)
    derived: Sequence[str] = ()


@dataclass(frozen=True)
class UserTable:
    """A table.

    Attributes:
        path: its file.
        cells: every cell as the text that it is, with the known columns by their own names.
        rows: for each row its row and line in the file, from 1.
        problems: all that is wrong with it, one line each.
    """

    path: Path
    cells: pd.DataFrame
    rows: list[tuple[int, int]]
    problems: list[str]

    def where(self, row: int) -> str:
        """Name of a row in messages, by its number from 0; also its line, where that is another number."""
        return row_name(*self.rows[row])


def read_user_table(path: Path, wanted: Wanted) -> UserTable:
    """Read a table. Rows without any cell are dropped, and so are columns without a name and any cell.

    Raises:
        UserError: it can't be read, has no rows, or lacks a column; the line says what to do.
    """
    rows, delimiter = _read(path, wanted)
    if not rows:
        raise UserError(f"{path}: is empty; it needs a row of column names, then a row for each item")
    header, *body = rows
    names = [cell.strip() for cell in header.cells]
    problems = _too_long(body, len(names))
    width = len(names)
    columns = [[row.cells[at] if at < len(row.cells) else "" for row in body] for at in range(width)]
    kept = _named(path, names, columns, problems)
    _refuse_lower_names(path, rows, wanted)
    places = _places(path, [names[at] for at in kept], wanted, problems)
    _refuse_missing(path, rows, places, wanted, [(names[at], columns[at]) for at in kept])
    if not body:
        raise UserError(f"{path}: has a row of column names and no other row; add a row for each item")
    cells: dict[str, list[str]] = {}
    by_place = {place: [name for name in places if places[name] == place] for place in places.values()}
    for place, at in enumerate(kept):
        for name in by_place.get(place, [names[at]]):
            if name not in cells and not (name in places and places[name] != place):
                cells[name] = columns[at]
    frame = pd.DataFrame(cells, dtype=str)
    table = UserTable(path, frame, [(row.number, row.line) for row in body], problems)
    problems += formulas(frame, table.where)
    problems += _traces(table, wanted)
    _check_numbers(table, wanted, commas=delimiter != ",")
    return table


def _read(path: Path, wanted: Wanted) -> tuple[list[TableRow], str]:
    """Rows of a file that have any cell, and what divides cells; empty of a workbook."""
    if problem := no_file(path):
        raise UserError(f"{path}: can't be read as a table: {problem}{path_hint(str(path))}")
    names = {column_key(name) for name in (*wanted.known, *filter(None, wanted.given.values()))}
    try:
        if table_kind(path):
            return read_workbook(path), ""
        text = read_text(path, names)
    except (OSError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"{path}: can't be read as a table: {reason}") from None
    if text.note:
        log.warning("%s %s", path, text.note)
    return text.rows, text.delimiter


def path_hint(name: str) -> str:
    """What may be meant by a typed name that no file has; begins with a semicolon, or is empty."""
    if ";" in name:
        return "; it is one file, not several: put their rows into one table"
    if "\\" in name:
        return "; folders are divided by / here"
    return ""


def _too_long(body: Sequence[TableRow], width: int) -> list[str]:
    """Rows with more cells than there are columns; blank ones are of no matter."""
    fix = "put a cell that holds a delimiter in quotes"
    found = [
        (at, f"has {len(row.cells)} cells, and there are {width} columns; {fix}")
        for at, row in enumerate(body)
        if any(cell.strip() for cell in row.cells[width:])
    ]
    return row_messages(found, lambda at: row_name(body[at].number, body[at].line))


def _named(path: Path, names: list[str], columns: list[list[str]], problems: list[str]) -> list[int]:
    """Places of the columns that are kept: those with a name, but for one of row numbers."""
    kept = []
    for at, name in enumerate(names):
        if not _NAMELESS.fullmatch(name):
            kept.append(at)
        elif at == 0 and len(names) > 1 and _counts(columns[at]):
            log.warning("%s: the first column has no name and numbers the rows; it is left out", path)
        elif any(cell.strip() for cell in columns[at]):
            problems.append(f"column {at + 1} has cells and no name; name it, or remove it")
    return kept


def _counts(cells: Sequence[str]) -> bool:
    """Whether cells are whole numbers that rise, as the row numbers that pandas and R write."""
    texts = [cell.strip() for cell in cells]
    if not texts or not all(re.fullmatch("[0-9]{1,9}", text) for text in texts):
        return False
    numbers = [int(text) for text in texts]
    return all(second > first for first, second in itertools.pairwise(numbers))


def _places(path: Path, names: Sequence[str], wanted: Wanted, problems: list[str]) -> dict[str, int]:
    """Which of the columns each known one is; problems with the names of the columns are added."""
    places: dict[str, int] = {}
    for name, said in wanted.given.items():
        if said is None:
            continue
        option = f"{wanted.option}.{name}={shown(said, 60)}"
        if name not in wanted.known:
            raise UserError(
                f"{option}: has no effect here, where {', '.join(wanted.known)} are read; leave it out"
            )
        if not (alike := _alike(said, names)):
            listed = shown(", ".join(names), 300)
            raise UserError(f"{option}: {path} has no such column; it has {listed}")
        if len(alike) > 1:
            problems.append(_two(alike, names, f"{option}: "))
        places[name] = alike[0]
    taken = set(places.values())
    for name in wanted.known:
        if name in places:
            if name in names and names.index(name) not in taken:
                log.warning("%s: column %s is left out, since another one is read as it", path, name)
            continue
        # A patient may be named as the file; a file is never named as the patient unless it is said.
        shared = name in ("image", "slide")
        alike = [at for at in _alike(name, names, exact=False) if shared or at not in taken]
        if len(alike) > 1 and len({names[at] for at in alike}) > 1:
            how = f"; rename one, or say which is meant, as {wanted.option}.{name}={names[alike[0]]}"
            problems.append(_two(alike, names) + (how if wanted.option else "; rename or remove one"))
        if alike:
            places[name] = alike[0]
    if twice := sorted({name for at, name in enumerate(names) if name in names[:at]}):
        problems.append(f"more than one column {', '.join(map(one_line, twice))}; rename or remove one")
    return places


def _alike(name: str, names: Sequence[str], *, exact: bool = True) -> list[int]:
    """Places of the columns of this name; with ``exact`` those in other letters only if it is not there."""
    same = [at for at, other in enumerate(names) if other == name] if exact else []
    return same or [at for at, other in enumerate(names) if column_key(other) == column_key(name)]


def _two(alike: Sequence[int], names: Sequence[str], start: str = "") -> str:
    return f"{start}columns {' and '.join(repr(names[at]) for at in alike)} both match"


def _refuse_lower_names(path: Path, rows: Sequence[TableRow], wanted: Wanted) -> None:
    """Refuse a table whose columns are named below other rows, as a title.

    Raises:
        UserError: it is such a table.
    """
    needed = [name for name in wanted.needed if name not in wanted.derived]
    keys = {column_key(wanted.given.get(name) or name) for name in needed}
    with_names = [row for row in rows[:20] if keys <= {column_key(cell) for cell in row.cells}]
    if keys and with_names and with_names[0] is not rows[0]:
        raise UserError(
            f"{path}: its columns are named in {row_name(with_names[0].number, with_names[0].line)}; remove "
            "the rows above it"
        )


def _refuse_missing(
    path: Path,
    rows: Sequence[TableRow],
    places: Mapping[str, int],
    wanted: Wanted,
    columns: Sequence[tuple[str, Sequence[str]]],
) -> None:
    """Refuse a table that lacks a column, and say which of its columns may be meant.

    Raises:
        UserError: it lacks one.
    """
    missing = [name for name in wanted.needed if name not in places and name not in wanted.derived]
    if not missing:
        return
    start = f"{path}: no column {', '.join(missing)}"
    first = next((cell for cell in rows[0].cells if Path(cell.strip()).suffix.lower() in SUFFIXES), None)
    if first:
        raise UserError(
            f"{start}: its first row does not name columns ({shown(first.strip(), 60)} is a file); write "
            f"one above it, as {','.join(wanted.needed)}"
        )
    free = [name for at, (name, _) in enumerate(columns) if at not in places.values()]
    advice = (
        column_advice(missing, free, wanted.option, columns_of_files(dict(columns))) if wanted.option else ""
    )
    raise UserError(f"{start}; it has {shown(', '.join(name for name, _ in columns), 300)}{advice}")


def column_advice(
    missing: Sequence[str], names: Sequence[str], option: str, of_files: Sequence[str] = ()
) -> str:
    """The options that say which columns are meant, for a message; begins with a semicolon.

    Args:
        missing: the columns that a table lacks, by our names.
        names: those of its columns that are nothing else.
        option: the option without the column: ``data.columns``.
        of_files: names of its columns whose cells are names of images or slides.
    """
    free, said = list(names), []
    for name in missing:
        likely = list(of_files) if name in ("image", "slide") else []
        likely += _likely(name, free)
        column = likely[0] if likely else "<column>"
        inner = "'" + column.replace("'", r"\'") + "'" if "," in column else column  # several values, else
        typed = f"{option}.{name}={inner}"
        said.append(shlex.quote(typed) if likely else typed)
        free = [other for other in free if other != column]
    return f"; say which is meant, as {' '.join(said)}"


def _likely(name: str, columns: Sequence[str]) -> list[str]:
    """The columns that may be meant by one of our names, the likeliest first."""
    likely = _LIKELY.get(name, ())
    ranks = {}
    for column in columns:
        words = [word.casefold() for word in _WORD.findall(column)]
        words = [word if word in likely else word.removesuffix("s") for word in words]
        found = [likely.index(word) for word in words if word in likely]
        beside = [word for word in words if word not in likely and word not in _BESIDE]
        if found and not (beside and likely[min(found)] in _BESIDE):
            ranks[column] = (bool(beside), min(found))
    return sorted(ranks, key=ranks.__getitem__)


def columns_of_files(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """The columns whose cells, as far as they are filled, are mostly names of images or slides."""
    of_files = []
    for name, cells in columns.items():
        filled = [cell for cell in map(str.strip, cells) if cell][:100]
        named = sum(cell.lower().endswith(FILE_SUFFIXES) for cell in filled)
        if 2 * named > len(filled):
            of_files.append(name)
    return of_files


def _traces(table: UserTable, wanted: Wanted) -> list[str]:
    """Cells of the known columns that a spreadsheet made of something else."""
    problems = []
    for name in wanted.known:
        if name in table.cells and name not in wanted.numbers:
            found = [
                (row, f"{name} {shown(text, 60)!r} {problem}")
                for row, text in enumerate(table.cells[name])
                if (problem := trace_problem(text))
            ]
            problems += row_messages(found, table.where)
    return problems


def _check_numbers(table: UserTable, wanted: Wanted, *, commas: bool) -> None:
    """Check the columns of numbers; decimal commas become points where no comma divides cells."""
    for name, check in wanted.numbers.items():
        if name not in table.cells:
            continue
        texts = [
            text.replace(",", ".") if commas and _DECIMAL_COMMA.fullmatch(text) else text
            for text in table.cells[name]
        ]
        table.cells[name] = texts
        found = []
        for row, text in enumerate(texts):
            try:
                check(text)
            except ValueError as error:
                found.append((row, str(error)))
        table.problems.extend(row_messages(found, table.where))
