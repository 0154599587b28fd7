"""What is fitted on validation patients and measured on test patients, and what is said where it can't be."""

import json

import numpy as np
import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.evaluation.calibration import calibration_metrics, patient_sums
from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.temperature import at_temperature, scaled
from livergrade.evaluation.uncertainty import fit_calibration, read_calibration, uncertainty_metrics
from livergrade.io.files import write_json
from tests.evaluation.simulated import CLASSES, predict


def cohort(*, val: int = 15, test: int = 21, sharpened: float = 1.0) -> pd.DataFrame:
    """Test and validation patients of the same kind, their probabilities too sure by a temperature."""
    tables = []
    for seed, (side, patients) in enumerate((("test", test), ("val", val))):
        if not patients:
            continue
        own = predict([i % 3 for i in range(patients)], seed=seed, strength=0.9)
        own["split"] = side
        own[["image", "patient"]] = side + own[["image", "patient"]]
        tables.append(own)
    table = pd.concat(tables, ignore_index=True)
    columns = [f"p_{name}" for name in CLASSES]
    table[columns] = scaled(table[columns], 1 / sharpened)
    return table


def test_too_sure_probabilities_get_better_on_other_patients():
    predictions = cohort(val=60, test=105, sharpened=4.0)
    found = uncertainty_metrics(predictions, fit_calibration(predictions, resamples=50))
    calibration = found["calibration"]
    assert calibration["low"] <= calibration["temperature"] <= calibration["high"]
    assert calibration["temperature"] > 2
    test = predictions[predictions["split"] == "test"]
    for name in ("image", "patient"):
        for metric in ("brier",):
            figures = calibration["test"][name][metric]
            change = figures["after"]["value"] - figures["before"]["value"]
            assert figures["difference"]["value"] == pytest.approx(change)
            assert figures["difference"]["low"] <= change <= figures["difference"]["high"]
        assert calibration["test"][name]["log_loss"]["difference"]["value"] < 0
        assert "no interval holds" in calibration["test"][name]["ece"]["after"]["reason"]
        level = aggregate(at_temperature(test, calibration["temperature"]))[name]
        direct = calibration_metrics(
            patient_sums(level.truth, level.scores, level.patient), np.ones((1, 105))
        )
        for metric in ("brier", "log_loss", "ece"):
            values = direct[metric]
            assert calibration["test"][name][metric]["after"]["value"] == pytest.approx(values[0])
        assert sum(one["n"] for one in calibration["test"][name]["reliability"]["after"]) == len(level.truth)
    assert found["abstention"]["calibrated"] is True
    assert [row["views"] for row in found["views"]] == [1]  # 0° and 90° are not spread evenly


def test_nothing_of_the_test_side_is_fitted_and_no_patient_is_named():
    predictions = cohort()
    fitted = fit_calibration(predictions, resamples=20)
    other = predictions.copy()
    tested = other["split"] == "test"
    other.loc[tested, "grade"] = "poor"
    assert fit_calibration(other, resamples=20) == fitted
    assert (fitted["patients"], fitted["images"], fitted["views"]) == (15, 60, 2)
    assert len(fitted["scores"]["patient"]) == len(fitted["scores"]["image"]) == 15
    assert not any(name in json.dumps(fitted) for name in predictions["patient"].unique())


def test_without_validation_nothing_is_fitted_and_everything_says_so():
    predictions = cohort(val=0)
    fitted = fit_calibration(predictions)
    assert fitted["temperature"] is fitted["scores"] is None
    assert "split.val_fraction" in fitted["reason"]
    found = uncertainty_metrics(predictions, fitted)
    assert found["calibration"]["reason"] == found["conformal"]["reason"] == fitted["reason"]
    assert "test" not in found["calibration"]
    assert found["abstention"]["calibrated"] is False
    json.dumps(found, allow_nan=False)


def test_few_validation_patients_promise_nothing():
    predictions = cohort(val=6)
    found = uncertainty_metrics(predictions, fit_calibration(predictions, resamples=20))
    assert found["conformal"]["patient"]["sizes"] == [0, 0, 21]
    assert "too few" in found["conformal"]["reason"]


def test_scores_of_other_views_are_not_compared():
    predictions = cohort()
    fitted = fit_calibration(predictions, resamples=20)
    upright = predictions[(predictions["split"] == "test") & (predictions["angle"] == 0)]
    found = uncertainty_metrics(upright, fitted)
    assert "over 2 views and these over 1" in found["conformal"]["reason"]
    assert "test" in found["calibration"]


@pytest.mark.parametrize("patients", [[0] * 12, [0, 1, 2] * 3 + [2], [0]])
def test_any_test_side_gets_through(patients):
    own = predict(patients)
    val = cohort()
    predictions = pd.concat([own, val[val["split"] == "val"]])
    found = uncertainty_metrics(predictions, fit_calibration(predictions, resamples=20))
    json.dumps(found, allow_nan=False)


def test_two_grades_get_through():
    own = predict([0, 1] * 10, classes=("low", "high"), strength=0.7)
    own.loc[own["patient"] < "10", "split"] = "val"
    found = uncertainty_metrics(own, fit_calibration(own, resamples=20))
    assert len(found["conformal"]["patient"]["sizes"]) == 2


def test_a_run_without_the_file_says_so_and_a_damaged_one_is_named(tmp_path):
    found = read_calibration(tmp_path / "calibration.json")
    assert found["temperature"] is None
    assert "earlier version" in found["reason"]
    fitted = fit_calibration(cohort(), resamples=20)
    write_json(fitted, tmp_path / "calibration.json")
    assert read_calibration(tmp_path / "calibration.json") == fitted
    for text, told in (
        ("{", "is not valid JSON"),
        ("[1]", "is not valid JSON"),
        ('{"temperature": 2}', "lacks fitted_on"),
    ):
        (tmp_path / "calibration.json").write_text(text)
        with pytest.raises(UserError, match=told):
            read_calibration(tmp_path / "calibration.json")
