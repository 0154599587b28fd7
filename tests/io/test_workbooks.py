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


def test_hidden_rows_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "t.xlsx", [["image", "n"], ["a", 1], ["b", 2], ["c", 3]])
    book = openpyxl.load_workbook(path)
    for row in (2, 4, 9):  # the last is blank
        book.active.row_dimensions[row].hidden = True
    book.save(path)
    with pytest.raises(ValueError, match=r"2 rows with cells \(2, 4\) are hidden, as by a filter; show them"):
        read_workbook(path)


def test_numbers_with_texts_and_signs_are_as_they_are_shown(tmp_path: Path) -> None:
    path = saved(tmp_path / "t.xlsx", [["n"], [7], [1234], [7], [7], [1234567], [7], [7]])
    book = openpyxl.load_workbook(path)
    for row, form in enumerate(['"P"000', '"P"000', "00-000", '"P-"0"x"', "00-000", "0.00", "0%"], 2):
        book.active.cell(row, 1).number_format = form
    book.save(path)
    shown = [row.cells[0] for row in read_workbook(path)]
    assert shown == ["n", "P007", "P1234", "00-007", "P-7x", "1234-567", "7", "7"]


def test_a_workbook_may_have_any_suffix(tmp_path: Path) -> None:
    path = saved(tmp_path / "t.xlsx", [["n"], [7]]).rename(tmp_path / "t.csv")
    assert [row.cells for row in read_workbook(path)] == [["n"], ["7"]]
