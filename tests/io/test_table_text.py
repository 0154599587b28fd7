"""Text tables as spreadsheets and scripts write them."""

from pathlib import Path

import pytest

from livergrade.io import table_text
from livergrade.io.table_text import column_key, read_text

NAMES = ("image", "patient")
ROWS = [["image", "patient"], ["a.png", "Müller"], ["b.png", "Sørensen"]]


def cells(path: Path, content: bytes) -> list[list[str]]:
    path.write_bytes(content)
    return [row.cells for row in read_text(path, NAMES).rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_encodings_and_delimiters_are_found(tmp_path: Path, delimiter: str, end: str, encoding: str) -> None:
    text = end.join(delimiter.join(row) for row in ROWS) + end
    assert cells(tmp_path / "t.csv", text.encode(encoding)) == ROWS


def test_big_endian_text_with_a_mark_is_read(tmp_path: Path) -> None:
    assert cells(tmp_path / "t.csv", b"\xfe\xff" + "image,patient\na,b".encode("utf-16-be"))[1] == ["a", "b"]


@pytest.mark.parametrize(
    "content",
    [
        "image,patient\na,Иванов\n".encode("cp1251"),
        "image,patient\na,Παπάς\n".encode("cp1253"),
        "image,patient\na,男\n".encode("gbk"),
        "image,patient\na,山田\n".encode("shift-jis"),
        "image,patient\na,Paweł\n".encode("cp1250"),
        "image,patient\na,Müller\n".encode("mac-roman"),
        "image,patient\na,b\n".encode("utf-16-le"),
        b"image,patient\na,b\0\n",
    ],
)
def test_what_can_not_be_told_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"UTF-8|NUL"):
        cells(tmp_path / "t.csv", content)


def test_a_western_text_is_told_with_a_word(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("image,patient\na,Anna Müller\nb,Génève 5 µm²\n".encode("cp1252"))
    assert "read as Windows-1252 (Latin-1), as in 'Müller'" in read_text(tmp_path / "t.csv", NAMES).note
    (tmp_path / "t.csv").write_text("image,patient\na,Müller\n", encoding="utf-8")
    assert read_text(tmp_path / "t.csv", NAMES).note == ""


def test_rows_and_lines_are_those_of_the_file(tmp_path: Path) -> None:
    text = 'image,patient\n\na,"two\nlines"\n,\nb,c\n\n\n'
    (tmp_path / "t.csv").write_text(text)
    rows = read_text(tmp_path / "t.csv", NAMES).rows
    assert [(row.number, row.line) for row in rows] == [(1, 1), (3, 3), (5, 6)]


def test_excels_line_about_the_delimiter_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("sep=;\nimage;patient\na;b\n")
    text = read_text(tmp_path / "t.csv", NAMES)
    assert [(row.number, row.line, row.cells[0]) for row in text.rows] == [(1, 2, "image"), (2, 3, "a")]


def test_the_delimiter_finds_the_columns_that_are_known(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image;patient;a,b,c,d\nx;y;1,2,3,4\n")
    assert read_text(tmp_path / "t.csv", NAMES).delimiter == ";"
    (tmp_path / "t.csv").write_text("u;v,w;x\n1;2,3;4\n")
    assert read_text(tmp_path / "t.csv", NAMES).delimiter == ";"  # more columns
    (tmp_path / "t.csv").write_text("u;v,w\n1;2,3\n")
    with pytest.raises(ValueError, match="divided by commas or semicolons"):
        read_text(tmp_path / "t.csv", NAMES)


def test_quotes_behind_blanks_are_quotes(tmp_path: Path) -> None:
    assert cells(tmp_path / "t.csv", b'"image", "patient"\n"a", "b, c"\n') == [
        ["image", "patient"],
        ["a", "b, c"],
    ]
    assert cells(tmp_path / "t.csv", b"image,patient\n007, 1.50\n")[1] == ["007", " 1.50"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'image,patient\na,"b\nc,d\n', r"row 2: a quotation mark is opened and never closed"),
        (b'image,patient\n\n"a"x,b\n', r"row 3: text follows a closing quotation mark"),
        (b"a" * (2**20 + 1), "lines of more than 1048576 characters"),
        (b"," * 6000 + b"\n", "more than 5000 columns"),
        (b"a,b\n" * 60, "more than 100 cells"),
        (b"a" * 3000, "more than 0 MB"),
        (b'image\n"' + b"x\n" * 10**5, "a cell is longer than 131072 characters"),
    ],
)
def test_what_no_cohort_needs_is_refused(tmp_path: Path, monkeypatch, content: bytes, told: str) -> None:
    if "cells" in told:
        monkeypatch.setattr(table_text, "MOST_CELLS", 100)
    if "MB" in told:
        monkeypatch.setattr(table_text, "MOST_BYTES", 2000)
    with pytest.raises(ValueError, match=told):
        cells(tmp_path / "t.csv", content)


def test_case_blanks_hyphens_and_underscores_make_no_other_column() -> None:
    assert {column_key(name) for name in ("same_as", " Same As", "same-as", "SAMEAS")} == {"sameas"}


@pytest.mark.parametrize(
    ("text", "row", "names"),
    [
        ("#Image,Patient\n#STRING,STRING\n#1,1\nIMAGE,PATIENT\na,b\n", 4, ["IMAGE", "PATIENT"]),  # cBioPortal
        ("#Slide Name\tCase\n#STRING\tSTRING\nSLIDE\tCASE\na\tb\n", 3, ["SLIDE", "CASE"]),
        ("# exported by a program, on Monday\nslide;case\na;b\n", 2, ["slide", "case"]),
        ('"# several, signs",\n\nimage,patient\na,b\n', 3, ["image", "patient"]),
        ("#image,patient\na,b\n", 1, ["#image", "patient"]),
        ("#slide,case\na,b\n", 1, ["#slide", "case"]),
        ("##version 2\n#slide,case\na,b\n", 2, ["#slide", "case"]),
        ("# of 2\n# slides\n# image;patient\na;b\n", 3, ["# image", "patient"]),
        ("# a remark\n" * 99 + "slide,case\na,b\n", 100, ["slide", "case"]),
        ("#,slide,case\n1,a,b\n", 1, ["#", "slide", "case"]),
    ],
)
def test_remarks_above_the_names_of_the_columns_are_no_rows(
    tmp_path: Path, text: str, row: int, names: list[str]
) -> None:
    (tmp_path / "t.csv").write_text(text)
    read = read_text(tmp_path / "t.csv", NAMES)
    assert (read.rows[0].number, read.rows[0].line, read.rows[0].cells) == (row, row, names)
    assert [(other.number, other.line) for other in read.rows[1:]] == [(row + 1, row + 1)]
    told = f"begins with remarks (#), which are left out; its columns are named in line {row}"
    assert read.note == (told if row > 1 else "")


def test_a_mark_below_the_first_rows_is_a_cell(tmp_path: Path) -> None:
    assert cells(tmp_path / "t.csv", b"image,patient\n#a,b\n")[1] == ["#a", "b"]
    assert cells(tmp_path / "t.csv", b"# a\n# b\n") == [["# a"], ["# b"]]


def test_vertical_bars_divide_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("image|patient|grade\na, b.png|P1|well\n", encoding="utf-8")
    text = read_text(path, ["image", "patient", "grade"])
    assert (text.delimiter, text.rows[1].cells) == ("|", ["a, b.png", "P1", "well"])
