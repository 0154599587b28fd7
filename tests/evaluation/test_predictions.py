"""The table of graded views: written, read back, and refused by row where it is broken."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.evaluation.predictions import (
    GradedViews,
    class_names,
    predictions_table,
    read_predictions,
    write_predictions,
)
from livergrade.evaluation.summary import evaluate
from tests.evaluation.simulated import CLASSES, predict

GRADES = ["Low-grade IN", "Normal"]
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
    table = predictions_table(TABLE, GRADES, graded)
    assert table.columns.tolist() == [
        "image", "patient", "split", "angle", "grade", "predicted", "p_Low-grade IN", "p_Normal", "stage",
    ]  # fmt: skip
    assert table["predicted"].tolist() == ["Low-grade IN", "Normal", "Low-grade IN"]
    assert table["angle"].tolist() == [0, 90, 0]
    write_predictions(table, tmp_path / "predictions.csv")
    read = read_predictions(tmp_path / "predictions.csv")
    assert read["patient"].tolist() == ["8", "8", "007"]
    np.testing.assert_allclose(read[["p_Low-grade IN", "p_Normal"]].sum(axis=1), 1, atol=1e-8)


def test_a_file_gives_the_same_figures_as_memory(tmp_path):
    views = predict([0, 0, 0, 1, 1, 1, 2, 2, 2]).assign(age=70, p_value=0.04)
    views.to_csv(tmp_path / "predictions.csv", index=False, encoding="utf-8-sig")
    read = read_predictions(tmp_path / "predictions.csv")
    assert read["patient"].iloc[0] == "00"
    assert class_names(read) == list(CLASSES)  # the carried p_value is no grade
    assert evaluate(read, None, resamples=50) == evaluate(views, None, resamples=50)


def test_a_grade_may_be_called_none(tmp_path):
    views = predict([0, 0, 1, 1], classes=("Low-grade IN", "None"))
    views.to_csv(tmp_path / "predictions.csv", index=False)
    assert set(read_predictions(tmp_path / "predictions.csv")["grade"]) == {"Low-grade IN", "None"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.drop(columns=["grade", "angle"]), "missing column.*angle, grade"),
        (lambda v: v.drop(columns=["p_poor", "p_moderate"]), "two or more p_<class>"),
        (lambda v: v.iloc[:0], "no rows"),
        (lambda v: v.assign(grade=["good", *v["grade"][1:]]), "row 2: grade is none of poor, moderate, well"),
        (lambda v: v.assign(predicted=[*v["predicted"][:-1], "good"]), "row 49: predicted is none of"),
        (lambda v: v.assign(p_poor=[np.nan, *v["p_poor"][1:]]), "row 2: a probability is not a number"),
        (lambda v: v.assign(p_poor=["x", *v["p_poor"][1:]]), "row 2: a probability is not a number"),
        (
            lambda v: v.assign(p_poor=v["p_poor"] + 0.01),
            r"row 2, 3, 4, 5, 6 and 43 more: the probabilities do not",
        ),
        (lambda v: v.assign(p_poor=1.5, p_well=-0.5, p_moderate=0.0), "outside 0..1"),
        (
            lambda v: v.assign(p_poor=0.1, p_moderate=0.1, p_well=0.8, predicted="poor"),
            "not the most probable",
        ),
        (lambda v: v.assign(angle=0.0), "given twice"),
        (
            lambda v: v.assign(patient=["99", *v["patient"][1:]]),
            "row 2, 3: the image has more than one patient",
        ),
        (lambda v: v.assign(split=["val", *v["split"][1:]]), "row 2, 3: the image has more than one split"),
    ],
)
def test_a_broken_file_is_refused_by_row(tmp_path, change, message):
    path = tmp_path / "predictions.csv"
    change(predict([0, 0, 1, 1, 2, 2])).to_csv(path, index=False)
    with pytest.raises(UserError, match=message) as error:
        read_predictions(path)
    assert str(path) in str(error.value)


def test_all_faults_are_reported_at_once(tmp_path):
    views = predict([0, 0, 1, 1, 2, 2])
    views.loc[0, "grade"], views.loc[3, "p_well"] = "good", np.nan
    views.to_csv(tmp_path / "predictions.csv", index=False)
    with pytest.raises(UserError, match=r"row 2: grade is none.*row 5: a probability is not a number"):
        read_predictions(tmp_path / "predictions.csv")


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "empty.csv").touch()
    for name in ("absent.csv", "empty.csv"):
        with pytest.raises(UserError, match=name):
            read_predictions(tmp_path / name)
