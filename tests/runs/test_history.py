"""Training curves, read back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.runs.history import read_curves


def test_curves_are_numbers_and_may_have_gaps(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("epoch,val/loss\n1,\n2,0.123456789012345678\n")
    curves = read_curves(path)
    pd.testing.assert_frame_equal(curves, pd.read_csv(path))
    assert np.isnan(curves["val/loss"][0])


def test_a_file_of_an_earlier_version_counted_from_0(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,val/loss\n0,3\n1,2\n")
    assert read_curves(tmp_path / "history.csv")["epoch"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("loss\n1\n", "no column epoch"),
        ("epoch,loss\n0,best\n", "row 2: loss: is not a finite number"),
        ("epoch,loss\n0,inf\n", "row 2: loss: is not a finite number"),
        ("epoch,loss\n,1\n", "row 2: epoch '' is not a finite number"),
        ("epoch\n-1\n", "not a whole number"),
        ("epoch\n1e18\n", "not a whole number"),
        ("epoch\n0.5\n", "not a whole number"),
    ],
)
def test_other_curves_are_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=told):
        read_curves(path)
