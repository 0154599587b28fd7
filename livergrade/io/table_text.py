"""Rows of a CSV file as other programs write it: its encoding, its delimiter, and its quoted line breaks."""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

MOST_BYTES, MOST_LINE, MOST_COLUMNS, MOST_CELLS = 2**28, 2**20, 5_000, 20_000_000
"""Of a table that is read; a cohort of a hundred thousand images takes a twentieth of the bytes and cells."""

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SEP = re.compile(r'"?sep=([,;\t|])"?\s*$', re.IGNORECASE)  # a first line with the separator for Excel
_REMARK = re.compile(r'\s*"?#')
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = "À-ÖØ-öøùúûüÿŒœ"
_NOT_WESTERN = re.compile(
    rf"[^\x00-\x7f{_WESTERN}\xa0§«»°±²³´µ·€…‘’“”–—™]"  # as letters of Mac, Turkish or Icelandic text
    rf"|[ÐÞðþ]|[{_WESTERN}]{{3}}|[À-ÖØ-Þ]{{2}}"  # Cyrillic, Greek, Chinese
    rf"|[a-z{_WESTERN}][§«´·±][a-z]|(?<![mM])[²³](?![\s)/]|$)|[a-ln-z][²³]"
)
"""Characters of Windows-1252 that are seldom what is meant, if a file in another encoding is read so."""


@dataclass(frozen=True)
class TableRow:
    """One row of a table file.

    Attributes:
        number: the row in a spreadsheet, from 1; blank rows count.
        line: the line in a text editor where it begins, from 1.
        cells: its cells, as they are written.
    """

    number: int
    line: int
    cells: list[str]


@dataclass(frozen=True)
class TableText:
    """A CSV file.

    Attributes:
        rows: all rows with a cell that is not blank.
        delimiter: what divides its cells.
        note: how it was read where that could be wrong, for a person to judge; else empty.
    """

    rows: list[TableRow]
    delimiter: str
    note: str = ""


def read_text(path: Path, names: Collection[str]) -> TableText:
    """Read a CSV file that is divided by commas, semicolons, tabs or vertical bars.

    Args:
        path: the file; a UTF-8, UTF-16 or Western text.
        names: keys of columns that may be in the header, as :func:`column_key` makes them.

    Raises:
        ValueError: it is larger than a table of images is, in no known encoding, or its quotation marks are
            not paired; the message gives the reason and the fix.
        OSError: it can't be read.
    """
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"it is {size / 1e6:.0f} MB, more than {MOST_BYTES / 1e6:.0f} MB")
    encoding = _encoding(path)
    notes: list[str] = []
    with path.open(encoding=encoding, newline="") as file:
        start = _start(_lines(file, encoding, notes))
    skipped, remarks = 0, 0
    if start and (told := _SEP.match(start[0])):
        delimiter, skipped = told[1], 1
    else:
        remarks = _remarks(start, names)
        delimiter = _delimiter(start[remarks:], names)
    notes.clear()
    with path.open(encoding=encoding, newline="") as file:
        lines = _lines(file, encoding, notes)
        next(itertools.islice(lines, skipped + remarks, skipped + remarks), None)
        rows = list(_rows(lines, delimiter, skipped, remarks))
    if remarks:
        notes.append(
            f"begins with remarks (#), which are left out; its columns are named in line {remarks + 1}"
        )
    return TableText(rows, delimiter, "; it ".join(notes))


def row_name(number: int, line: int) -> str:
    """Name of a row in messages; also its line, where that is another number."""
    return f"row {number}" + (f" (line {line})" if line != number else "")


def column_key(name: str) -> str:
    """Key of a column's name: case, blanks, hyphens, underscores and dots do not count."""
    return re.sub(r"[\s_.\-]+", "", name.casefold())


def count_cells(before: int, cells: int) -> int:
    """Cells so far with those of one more row.

    Raises:
        ValueError: these are more than a table of images has.
    """
    if cells > MOST_COLUMNS:
        raise ValueError(
            f"it has more than {MOST_COLUMNS} columns; keep those of images, patients and grades, and those "
            "by which results are to be compared"
        )
    if before + cells > MOST_CELLS:
        raise ValueError(f"it has more than {MOST_CELLS} cells")
    return before + cells


def _encoding(path: Path) -> str:
    """The encoding that the bytes tell; Windows-1252 if they are no UTF-8, which each line must then bear."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8 = True
    with path.open("rb") as file:
        start = file.read(4)
        for mark, name in _MARKS:
            if start.startswith(mark):
                return name
        chunk = start
        while chunk:
            if b"\0" in chunk:
                raise ValueError(
                    "it holds NUL bytes: it is not text, or UTF-16 without a mark; save as UTF-8"
                )
            try:
                utf8 = utf8 and decoder.decode(chunk) is not None
            except UnicodeDecodeError:
                utf8 = False
            chunk = file.read(2**20)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        utf8 = False
    return "utf-8" if utf8 else "cp1252"


def _lines(file: TextIO, encoding: str, notes: list[str]) -> Iterator[str]:
    """The lines with their ends. In Windows-1252, the first word that shows it is noted."""
    try:
        while line := file.readline(MOST_LINE + 1):
            if len(line) > MOST_LINE:
                raise ValueError(f"it has lines of more than {MOST_LINE} characters")
            if "\0" in line:
                raise ValueError("it holds NUL characters: it is not text")
            if encoding == "cp1252" and not line.isascii():
                if odd := _NOT_WESTERN.search(line):
                    raise ValueError(
                        f"it is not in UTF-8, nor in Windows-1252 ({_word(line, odd)!r}); save it as UTF-8"
                    )
                first = re.search(r"[^\x00-\x7f]", line)
                if first and not notes:
                    notes.append(
                        f"is not in UTF-8; read as Windows-1252 (Latin-1), as in {_word(line, first)!r}; "
                        "save it as UTF-8 if that is wrong"
                    )
            yield line
    except UnicodeDecodeError as error:
        name = "Windows-1252" if encoding == "cp1252" else encoding.upper().removesuffix("-SIG")
        also = "UTF-8, nor in " if encoding == "cp1252" else ""
        raise ValueError(f"it is not in {also}{name} (byte {error.start}); save it as UTF-8") from None


def _word(line: str, found: re.Match[str]) -> str:
    """The word around what was found."""
    start = max(found.start() - 20, 0)
    before = re.split(r"[\s,;\"]", line[start : found.start()])[-1]
    return before + re.split(r"[\s,;\"]", line[found.start() : found.start() + 20])[0]


def _start(lines: Iterator[str]) -> list[str]:
    """The first lines, 50 of them beside those that may be remarks."""
    start: list[str] = []
    others = 0
    for line in itertools.islice(lines, 10_000):
        start.append(line)
        others += not _REMARK.match(line)
        if others == 50:
            break
    return start


def _remarks(lines: list[str], names: Collection[str]) -> int:
    """How many lines before the names of the columns begin with ``#``, as cBioPortal and others write.

    The last of them may be the names itself: where it holds more of the known ones than the line below it,
    where it alone has one ``#`` and the others two, and where it is the only one and has as many cells as the
    line below.
    """
    marked = list(itertools.takewhile(lambda line: not line.strip() or _REMARK.match(line), lines))
    remarks = [at for at, line in enumerate(marked) if line.strip()]
    if not remarks or len(marked) == len(lines):
        return 0
    last = marked[remarks[-1]]
    above, below = (
        {mark: _cells(line, mark) for mark in _DELIMITERS}
        for line in (last.replace("#", "", 1), lines[len(marked)])
    )
    known = [
        max(sum(column_key(cell) in names for cell in row) for row in rows.values())
        for rows in (above, below)
    ]
    if known[0] != known[1]:
        named = known[0] > known[1]
    elif len(remarks) == 1:
        divides = max(below, key=lambda mark: len(below[mark]))
        named = len(above[divides]) == len(below[divides])
    else:
        named = marked[remarks[-2]].startswith("##") and not last.startswith("##")
    return remarks[-1] if named else len(marked)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a cell without an end
        return []


def _delimiter(lines: list[str], names: Collection[str]) -> str:
    """What divides the cells: it finds most of the names, then rows of one length, then most columns."""
    scores: dict[str, tuple[int, bool, int]] = {}
    for delimiter in _DELIMITERS:
        rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        try:
            lengths = [(row, len(row)) for row in rows if any(cell.strip() for cell in row)]
        except csv.Error:
            lengths = []
        header, columns = lengths[0] if lengths else ([], 0)
        known = sum(column_key(cell) in names for cell in header)
        even = all(length == columns for _, length in lengths[1:-1])
        if columns > 1:
            scores[delimiter] = (known, even, columns)
    if not scores:
        return ","
    best = [delimiter for delimiter, score in scores.items() if score == max(scores.values())]
    if len(best) > 1:
        either = " or ".join(_DELIMITERS[delimiter] for delimiter in best)
        raise ValueError(f"its columns are divided by {either}; put cells that contain them in quotes")
    return best[0]


def _rows(lines: Iterator[str], delimiter: str, skipped: int, remarks: int) -> Iterator[TableRow]:
    """Rows with a cell that is not blank; ``skipped`` lines and rows of remarks were read before."""
    first = next(lines, "")
    # A quotation mark behind a blank is one only if the file has it so.
    blank_first = re.search(rf'{re.escape(delimiter)} +"', first) is not None
    rows = csv.reader(
        itertools.chain([first], lines), delimiter=delimiter, strict=True, skipinitialspace=blank_first
    )
    cells = 0
    for number in itertools.count(remarks + 1):
        line = rows.line_num + skipped + remarks + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(_quotes(str(error), number, line)) from None
        cells = count_cells(cells, len(row))
        if any(cell and not cell.isspace() for cell in row):
            yield TableRow(number, line, row)


def _quotes(reason: str, number: int, line: int) -> str:
    """What is wrong with a row, in the words of a person who typed it."""
    where = row_name(number, line)
    if "unexpected end" in reason:
        return f"{where}: a quotation mark is opened and never closed"
    if "expected after" in reason:
        return f"{where}: text follows a closing quotation mark; write two within quotes for one"
    if "field larger" in reason:
        return f"{where}: a cell is longer than {csv.field_size_limit()} characters (is a quote not closed?)"
    return f"{where}: {reason}"
