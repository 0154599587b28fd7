"""The contract of ``split.csv``."""

from pathlib import Path

import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.evaluation.splits import read_split_table, write_split

SPLIT = pd.DataFrame(
    {
        "image": ["a.png", "b.png"],
        "patient": ["007", "NA"],
        "grade": ["None", "well"],
        "split": ["train", "test"],
        "fold": [0, 1],
        "sha256": ["0" * 64, "1" * 64],
    }
)


def test_every_cell_comes_back_as_text(tmp_path: Path) -> None:
    write_split(SPLIT, tmp_path / "split.csv")
    pd.testing.assert_frame_equal(read_split_table(tmp_path / "split.csv"), SPLIT.astype(str))


@pytest.mark.parametrize("column", ["image", "patient", "grade", "split", "sha256"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    write_split(SPLIT.drop(columns=column), tmp_path / "split.csv")
    with pytest.raises(UserError, match=rf"split\.csv: no column {column};"):
        read_split_table(tmp_path / "split.csv")


def test_what_is_no_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("split.csv", "nowhere.csv"):
        with pytest.raises(UserError, match=f"{name}: can't be read as a split"):
            read_split_table(tmp_path / name)
