"""Tables read as they are written, without what a spreadsheet would run."""

from pathlib import Path

import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.io import tables
from livergrade.io.tables import formulas, read_text_table, write_table


def test_every_cell_is_the_text_it_is(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(" image ,n\r\n007,\r\nNA, 1.50\r\n", encoding="utf-8-sig")
    table = read_text_table(tmp_path / "t.csv")
    assert table.to_dict("list") == {"image": ["007", "NA"], "n": ["", " 1.50"]}


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,sex,image \na,F,b\n")
    with pytest.raises(UserError, match=r"t\.csv: more than one column image;"):
        read_text_table(tmp_path / "t.csv")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00a"])
def test_what_is_no_table_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"t\.csv: can't be read as a CSV file"):
        read_text_table(tmp_path / "t.csv")


def test_cells_and_names_that_a_spreadsheet_would_run_are_told() -> None:
    table = pd.DataFrame({"a": ["-1.5", "=1+1", "+ve"], "@b": ["x", "-2+3+cmd|' /C calc'!A0", "y"]})
    told = formulas(table, lambda row: f"row {row + 2}")
    assert [line.split(" is a formula")[0] for line in told] == [
        "column '@b'",
        "row 3: a '=1+1'",
        """row 3: @b "-2+3+cmd|' /C calc'!A0\"""",
    ]


def test_floats_keep_nine_digits_and_the_folder_is_made(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"x": [1 / 3, 1e-12], "n": [1, 2]}), tmp_path / "new" / "t.csv")
    assert (tmp_path / "new" / "t.csv").read_text() == "x,n\n0.333333333,1\n1e-12,2\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a" * (2**20 + 1), "lines of more than 1048576 bytes"),
        (b"," * 6000 + b"\n", "or 5000 columns"),
        (b"a,b\n" * 60, "more than 100 cells"),
        (b"a" * 3000, "more than 0 MB"),
    ],
)
def test_what_no_cohort_needs_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch, content: bytes, told: str
) -> None:
    if "cells" in told:
        monkeypatch.setattr(tables, "MOST_CELLS", 100)
    if "MB" in told:
        monkeypatch.setattr(tables, "MOST_BYTES", 2000)
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=rf"t\.csv: can't be read as a CSV file: .*{told}"):
        read_text_table(tmp_path / "t.csv")
