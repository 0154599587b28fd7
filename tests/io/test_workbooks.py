"""Excel workbooks, read as what a person sees in them."""

import datetime
import zipfile
from pathlib import Path

import pytest

from livergrade.io import workbooks
from livergrade.io.workbooks import read_workbook

openpyxl = pytest.importorskip("openpyxl")


def saved(path: Path, *sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    for number, rows in enumerate(sheets):
        sheet = book.worksheets[0] if number == 0 else book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_cells_are_the_text_that_is_shown(tmp_path: Path) -> None:
    path = saved(tmp_path / "t.xlsx", [["image", "n"], ["a", 7], [], ["b", 0.25], ["c", True], ["d", 3.0]])
    book = openpyxl.load_workbook(path)
    book.active["B2"].number_format = "000"
    book.active["A7"] = datetime.datetime(2020, 5, 1)
    book.save(path)
    rows = read_workbook(path)
    assert [row.cells for row in rows] == [
        ["image", "n"],
        ["a", "007"],
        ["b", "0.25"],
        ["c", "TRUE"],
        ["d", "3"],
        ["2020-05-01"],
    ]
    assert [row.number for row in rows] == [1, 2, 4, 5, 6, 7]


def test_only_one_sheet_may_hold_anything(tmp_path: Path) -> None:
    assert len(read_workbook(saved(tmp_path / "a.xlsx", [["image"], ["a"]], []))) == 2
    assert len(read_workbook(saved(tmp_path / "b.xlsx", [], [["image"], ["a"]]))) == 2
    assert read_workbook(saved(tmp_path / "c.xlsx", [])) == []
    with pytest.raises(ValueError, match=r"several sheets \(Sheet, Sheet1\)"):
        read_workbook(saved(tmp_path / "d.xlsx", [["image"], ["a"]], [["x"]]))


def test_a_formula_without_a_result_is_no_blank_cell(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cells B2 hold formulas without a result; open it in Excel"):
        read_workbook(saved(tmp_path / "t.xlsx", [["image", "patient"], ["a", "=A2"]]))


def test_a_damaged_or_huge_workbook_is_refused(tmp_path: Path, monkeypatch) -> None:
    path = saved(tmp_path / "t.xlsx", [["image"], ["a"]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "cut.xlsx", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content[: len(content) // 2] if "sheet1" in name else content)
    with pytest.raises(ValueError, match="is a damaged Excel workbook"):
        read_workbook(tmp_path / "cut.xlsx")
    with zipfile.ZipFile(tmp_path / "far.xlsx", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(b'r="2"', b'r="999999999999"'))
    with pytest.raises(ValueError, match="more than 1048576 rows"):
        read_workbook(tmp_path / "far.xlsx")
    monkeypatch.setattr(workbooks, "MOST_ELEMENTS", 100)
    with pytest.raises(ValueError, match="more than 100 elements"):
        read_workbook(path)
    monkeypatch.setattr(workbooks, "MOST_UNPACKED", 100)
    with pytest.raises(ValueError, match="unpacks to"):
        read_workbook(path)
