"""What a file that somebody calls a table really is, by its first bytes: a name has any suffix."""

from __future__ import annotations

import zipfile
from pathlib import Path

from livergrade.io.zip_directory import zip_end

_FIX = "save it as CSV (in UTF-8) or as .xlsx"
_FIRST_BYTES = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook of an old Excel (.xls), or one with a password"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow (Feather) file"),
    (b"FEA1", "a Feather file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x1f\x8b", "a file that is compressed with gzip"),
    (b"BZh", "a file that is compressed with bzip2"),
    (b"\xfd7zXZ", "a file that is compressed with xz"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"$FL", "an SPSS file"),
    (b"RDX", "a file of R"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
)
_IN_ZIP = (
    ("xl/workbook.bin", "a binary Excel workbook (.xlsb)"),
    ("Index/Document.iwa", "a Numbers spreadsheet"),
    ("word/document.xml", "a Word document"),
    ("content.xml", "an OpenDocument file (.ods)"),
)
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
WORKBOOK = "xlsx"
MOST_PACKED = 2**26
"""Bytes of a workbook's file."""
MOST_DIRECTORY_BYTES = 2**20
"""Of the list of its parts, of which a workbook has some dozens."""


def table_kind(path: Path) -> str | None:
    """Tell an Excel workbook, :data:`WORKBOOK`, from text, None.

    Raises:
        ValueError: it is neither; the message says what it is and what to do.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        start = file.read(1024)
    if start.startswith(b"PK\3\4"):
        return _in_zip(path)
    text = start
    for mark in _MARKS:
        text = text.removeprefix(mark)
    kind = next((kind for first, kind in _FIRST_BYTES if start.startswith(first)), None)
    if not kind and (plain := text.replace(b"\0", b"").lstrip()[:1]) in (b"{", b"[", b"<"):
        kind = "an HTML or XML file" if plain == b"<" else "a JSON file"
    if kind:
        raise ValueError(f"it is {kind}; {_FIX}")
    return None


def _in_zip(path: Path) -> str:
    if path.stat().st_size > MOST_PACKED:
        raise ValueError(f"it is larger than {MOST_PACKED / 1e6:.0f} MB")
    try:
        with path.open("rb") as file:
            if zip_end(file, path.stat().st_size)[1] > MOST_DIRECTORY_BYTES:
                raise ValueError("its directory is larger than that of any workbook")
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError):
        raise ValueError(f"it is a damaged workbook or zip archive; {_FIX}") from None
    if "xl/workbook.xml" in names:
        return WORKBOOK
    kind = next((kind for name, kind in _IN_ZIP if name in names), "a zip archive")
    raise ValueError(f"it is {kind}; {_FIX}")
