"""The table of the learning curves holds what was measured."""

from pathlib import Path

from livergrade.multirun.learning_curve_table import learning_curve_tables
from tests.multirun.test_learning_curve import several_sizes


def test_a_row_a_size(tmp_path: Path) -> None:
    measured = several_sizes(tmp_path)
    (table,) = learning_curve_tables(measured, "patient")
    assert table.name == "learning_curve_patient"
    assert table.shown["Training patients"].tolist()[0] == "6"
    assert len(table.numbers) == 2 * 2 * 2  # sizes, levels, metrics
    assert learning_curve_tables({**measured, "learning_curves": {}}, "patient") == []
