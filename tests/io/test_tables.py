"""Tables read as they are written, without what a spreadsheet would run."""

from pathlib import Path

import pandas as pd

from livergrade.io.tables import formulas, write_table


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
