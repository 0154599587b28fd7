"""Files that are no table, told by what they are."""

import zipfile
from pathlib import Path

import pytest

from livergrade.io.table_kinds import WORKBOOK, table_kind

KINDS = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "old Excel",
    b"PAR1....": "a Parquet file",
    b'\xef\xbb\xbf {"a": 1}': "a JSON file",
    b'\xff\xfe[\0"\0': "a JSON file",
    b"<table>": "an HTML or XML file",
    b"\x1f\x8b\x08": "gzip",
    b"%PDF-1.7": "a PDF",
}


@pytest.mark.parametrize("content", KINDS)
def test_what_is_no_table_is_told_by_what_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"it is .*{KINDS[content]}.*; save it as CSV \(in UTF-8\) or as \.xlsx"
    ):
        table_kind(path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("content.xml", "an OpenDocument file"),
        ("Index/Document.iwa", "a Numbers spreadsheet"),
        ("x.csv", "a zip archive"),
    ],
)
def test_a_zip_archive_is_told_by_what_is_in_it(tmp_path: Path, name: str, told: str) -> None:
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(ValueError, match=told):
        table_kind(tmp_path / "t.xlsx")


def test_a_workbook_and_text_are_taken_whatever_their_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.csv", "w") as archive:
        archive.writestr("xl/workbook.xml", "x")
    assert table_kind(tmp_path / "t.csv") == WORKBOOK
    (tmp_path / "t.xlsx").write_text("image,patient")
    assert table_kind(tmp_path / "t.xlsx") is None
    (tmp_path / "cut.xlsx").write_bytes((tmp_path / "t.csv").read_bytes()[:40])
    with pytest.raises(ValueError, match="damaged"):
        table_kind(tmp_path / "cut.xlsx")
