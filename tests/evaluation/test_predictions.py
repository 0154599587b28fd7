from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.evaluation.predictions import (
    GradedViews,
    predictions_table,
    read_predictions,
    write_predictions,
)

CLASSES = ["Low-grade IN", "Normal"]
TABLE = pd.DataFrame(
    {
        "image": ["a.png", "b.png"],
        "patient": ["007", "8"],
        "grade": ["Low-grade IN", "Normal"],
        "stage": ["II", ""],
        "sha256": ["0" * 64, "1" * 64],
    }
)


def test_one_row_a_view_with_carried_columns(tmp_path: Path) -> None:
    def views(rows: list[int], degrees: list[float], probabilities: list[list[float]]) -> GradedViews:
        return GradedViews(np.array(rows), np.array(degrees, np.float32), np.array(probabilities, np.float32))

    graded = {
        "test": views([1, 1], [90, 0], [[0.2, 0.8], [0.6, 0.4]]),
        "val": views([0], [0], [[0.9, 0.1]]),
    }
    table = predictions_table(TABLE, CLASSES, graded)
    assert table.columns.tolist() == [
        "image", "patient", "split", "angle", "grade", "predicted", "p_Low-grade IN", "p_Normal", "stage",
    ]  # fmt: skip
    assert table["predicted"].tolist() == ["Low-grade IN", "Normal", "Low-grade IN"]
    assert table["angle"].tolist() == [0, 90, 0]
    write_predictions(table, tmp_path / "predictions.csv")
    read = read_predictions(tmp_path / "predictions.csv")
    assert read["patient"].tolist() == ["8", "8", "007"]
    np.testing.assert_allclose(read[["p_Low-grade IN", "p_Normal"]].sum(axis=1), 1, atol=1e-8)
