"""What is fitted on validation patients and measured on test patients, and what is said where it can't be."""

import json

import numpy as np
import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.evaluation.calibration import calibration_metrics, patient_sums
from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.temperature import at_temperature, cross_fitted, scaled
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
    found = uncertainty_metrics(predictions, fit_calibration(predictions))
    calibration = found["calibration"]
    assert calibration["low"] is None
    assert calibration["temperature"] > 2
    test = predictions[predictions["split"] == "test"]
    for name in ("image", "patient"):
        for metric in ("brier",):
            figures = calibration["test"][name][metric]
            change = figures["after"]["value"] - figures["before"]["value"]
            assert figures["difference"]["value"] == pytest.approx(change)
            assert figures["difference"]["low"] <= change <= figures["difference"]["high"]
        assert calibration["test"][name]["log_loss"]["difference"]["value"] < 0
        assert "no interval is reliable" in calibration["test"][name]["ece"]["after"]["reason"]
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
    fitted = fit_calibration(predictions)
    other = predictions.copy()
    tested = other["split"] == "test"
    other.loc[tested, "grade"] = "poor"
    assert fit_calibration(other) == fitted
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
    found = uncertainty_metrics(predictions, fit_calibration(predictions))
    assert found["conformal"]["patient"]["sizes"] == [0, 0, 21]
    assert "too few" in found["conformal"]["reason"]


def test_scores_of_other_views_are_not_compared():
    predictions = cohort()
    fitted = fit_calibration(predictions)
    upright = predictions[(predictions["split"] == "test") & (predictions["angle"] == 0)]
    found = uncertainty_metrics(upright, fitted)
    assert "over 2 views and these over 1" in found["conformal"]["reason"]
    assert "test" in found["calibration"]


@pytest.mark.parametrize("patients", [[0] * 12, [0, 1, 2] * 3 + [2], [0]])
def test_any_test_side_gets_through(patients):
    own = predict(patients)
    val = cohort()
    predictions = pd.concat([own, val[val["split"] == "val"]])
    found = uncertainty_metrics(predictions, fit_calibration(predictions))
    json.dumps(found, allow_nan=False)


def test_two_grades_get_through():
    own = predict([0, 1] * 10, classes=("low", "high"), strength=0.7)
    own.loc[own["patient"] < "10", "split"] = "val"
    found = uncertainty_metrics(own, fit_calibration(own))
    assert len(found["conformal"]["patient"]["sizes"]) == 2


def test_a_run_without_the_file_says_so_and_a_damaged_one_is_named(tmp_path):
    found = read_calibration(tmp_path / "calibration.json")
    assert found["temperature"] is None
    assert "earlier version" in found["reason"]
    fitted = fit_calibration(cohort())
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


def test_another_cohort_is_offered_recalibration_only_if_that_helps():
    calibration = fit_calibration(cohort(val=40))
    off, good = cohort(sharpened=5.0), cohort()
    offered = uncertainty_metrics(off, calibration, recalibrate=False)["calibration"]["recalibration"]
    assert offered["offered"]
    assert offered["log_loss"] - offered["recalibrated_log_loss"] > 0.01
    assert offered["temperature"] > 1.3
    kept = uncertainty_metrics(good, calibration, recalibrate=False)["calibration"]["recalibration"]
    assert not kept["offered"]
    assert "recalibration" not in uncertainty_metrics(off, calibration)["calibration"]


def test_recalibration_is_cross_fitted_and_marked_and_leaves_the_sets():
    calibration, off = fit_calibration(cohort(val=40)), cohort(sharpened=5.0)
    plain = uncertainty_metrics(off, calibration, recalibrate=False)
    found = uncertainty_metrics(off, calibration, recalibrate=True)
    measured = found["calibration"]
    assert measured["recalibrated"] is True
    assert (measured["fitted_on"], measured["patients"]) == ("test", 21)
    expected = plain["calibration"]["recalibration"]
    after = measured["test"]["image"]["log_loss"]
    assert after["after"]["value"] == pytest.approx(expected["recalibrated_log_loss"])
    assert after["after"]["value"] < after["before"]["value"]
    assert found["conformal"] == plain["conformal"]
    assert found["abstention"] != plain["abstention"]
    json.dumps(found, allow_nan=False)


def test_sets_by_grade_need_the_patients_of_each_grade():
    predictions = cohort(val=30)
    found = uncertainty_metrics(predictions, fit_calibration(predictions), by_grade=True)["conformal"]
    assert found["by_grade"] is True
    few = uncertainty_metrics(cohort(), fit_calibration(cohort()), by_grade=True)["conformal"]
    assert few["by_grade"] is False
    assert "poor 5, moderate 5, well 5" in few["fallback"]


def test_damaged_scores_by_grade_are_named(tmp_path):
    fitted = fit_calibration(cohort())
    fitted["scores_by_grade"]["well"]["patient"] = [2.0]
    write_json(fitted, tmp_path / "calibration.json")
    with pytest.raises(UserError, match=r"scores_by_grade\.well: a score is not from 0 to 1"):
        read_calibration(tmp_path / "calibration.json")
    fitted["scores_by_grade"]["well"] = {"patient": []}
    write_json(fitted, tmp_path / "calibration.json")
    with pytest.raises(UserError, match="lacks image"):
        read_calibration(tmp_path / "calibration.json")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "views",
    [predict([1] * 12), predict([0, 2]), predict([0, 1, 2] * 2, angles=(0.0,)), predict([0, 1], images=1)],
    ids=["one grade", "two patients", "one view", "one image each"],
)
def test_a_small_or_uniform_cohort_is_recalibrated_by_its_other_patients(views: pd.DataFrame) -> None:
    calibration = fit_calibration(predict([0, 1, 2] * 4).assign(split="val"))
    measured = uncertainty_metrics(views, calibration, mix="random", recalibrate=True)["calibration"]
    expected = aggregate(cross_fitted(views))["image"]
    own = expected.scores[np.arange(len(expected.truth)), expected.truth]
    assert measured["test"]["image"]["log_loss"]["after"]["value"] == pytest.approx(-np.log(own).mean())
    assert measured["patients"] == views["patient"].nunique()
    assert measured["test"]["image"]["log_loss"]["difference"]["low"] is None
