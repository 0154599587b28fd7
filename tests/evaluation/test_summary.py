"""Everything that metrics.json says of predictions, and why it says nothing where it does."""

import numpy as np
import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.evaluation.levels import LEVELS
from livergrade.evaluation.summary import evaluate
from tests.evaluation.simulated import figures, predict


def test_patients_of_mixed_grade_are_counted():
    views = predict([0, 0, 1, 1, 2, 2])
    views.loc[views["image"] == "00_0.png", "grade"] = "well"
    assert evaluate(views, None, resamples=10)["counts"]["mixed_grade_patients"] == 1


def test_row_order_does_not_matter():
    views = predict([0, 0, 0, 1, 1, 1, 2, 2, 2])
    shuffled = views.sample(frac=1, random_state=1)
    a, b = (evaluate(rows, None, resamples=50, seed=3) for rows in (views, shuffled))
    for level in LEVELS:
        assert a[level]["confusion"] == b[level]["confusion"]
        for (name, one), (_, other) in zip(figures(a[level]), figures(b[level]), strict=True):
            for key in ("value", "low", "high"):
                assert one[key] == pytest.approx(other[key], abs=1e-12), (level, name, key)


def test_only_test_rows_are_scored():
    views = predict([0, 0, 1, 1, 2, 2])
    spoilt = views.assign(
        split="val", image="v" + views["image"], patient="v" + views["patient"], grade="poor"
    )
    both = evaluate(pd.concat([spoilt, views], ignore_index=True), None, resamples=50)
    assert both == evaluate(views, None, resamples=50)


@pytest.mark.parametrize("seed", range(4))
def test_intervals_contain_their_value(seed):
    found = evaluate(predict([0] * 8 + [1] * 9 + [2] * 7, seed=seed), None, resamples=400, seed=seed)
    for level in LEVELS:
        for name, figure in figures(found[level]):
            if figure["low"] is None:
                assert figure["reason"], name
            else:
                assert figure["low"] <= figure["value"] <= figure["high"], (level, name)


def test_clustering_widens_the_interval_and_its_absence_does_not():
    def ratio(patient_sd, image_sd):
        views = predict([0] * 10 + [1] * 10 + [2] * 10, images=8, patient_sd=patient_sd, image_sd=image_sd)
        accuracy = evaluate(views, None, resamples=3000)["image"]["accuracy"]
        return (accuracy["high"] - accuracy["low"]) / (accuracy["naive_high"] - accuracy["naive_low"])

    assert ratio(patient_sd=1.5, image_sd=0.1) > 2
    assert 0.9 < ratio(patient_sd=0.0, image_sd=1.5) < 1.4


def test_a_perfect_score_does_not_claim_certainty():
    found = evaluate(predict([0] * 4 + [1] * 5 + [2] * 6, strength=40), None, resamples=100)
    for level in LEVELS:
        for name in ("accuracy", "macro_f1", "quadratic_kappa", "macro_auroc"):
            assert found[level][name]["low"] < 0.99 < found[level][name]["high"] == 1, (level, name)
        assert found[level]["mean_absolute_error"]["high"] > 0.05
        slope = found[level]["calibration_slope"]
        assert slope["value"] is slope["low"] is None or "takes 100" in slope["reason"]


def test_the_seed_decides_the_naive_interval_and_nothing_else():
    views = predict([0] * 6 + [1] * 6 + [2] * 6)
    one, again, other = (evaluate(views, None, resamples=200, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one["image"]["macro_auroc"] == other["image"]["macro_auroc"]
    assert one["image"]["accuracy"]["naive_low"] != other["image"]["accuracy"]["naive_low"]


def test_another_cohort_has_another_mix_of_grades():
    views = predict([0] * 6 + [1] * 6 + [2] * 6)
    fixed, random = (evaluate(views, None, mix=mix) for mix in ("fixed", "random"))
    assert "as fixed" in fixed["how"]["mix"]
    assert "as random" in random["how"]["mix"]
    one, other = (found["image"]["quadratic_kappa"] for found in (fixed, random))
    assert one["value"] == other["value"]
    assert one["low"] != other["low"]


def test_an_absent_grade_is_null_with_a_reason_and_left_out_of_means():
    found = evaluate(predict([0] * 5 + [1] * 5, strength=2), None, resamples=100)["image"]
    well = found["per_class"]["well"]
    assert well["support"]["value"] == 0
    for name in ("recall", "auroc"):
        assert well[name]["value"] is well[name]["low"] is None
        assert "well" in well[name]["reason"]
    assert well["specificity"]["value"] is not None
    recalls = [found["per_class"][grade]["recall"]["value"] for grade in ("poor", "moderate")]
    assert found["balanced_accuracy"]["value"] == pytest.approx(np.mean(recalls))
    assert "well absent" in found["balanced_accuracy"]["note"]


def test_a_grade_that_is_no_patients_most_frequent_one_is_said_to_be_so():
    views = predict([0, 0, 0, 2, 2, 2], images=3)
    views.loc[views["image"].isin(["03_0.png", "04_0.png"]), "grade"] = "moderate"
    found = evaluate(views, None, resamples=50)
    assert found["image"]["per_class"]["moderate"]["support"]["value"] == 2
    moderate = found["patient"]["per_class"]["moderate"]
    for metric in ("recall", "auroc", "average_precision"):
        assert moderate[metric]["reason"] == "moderate is no test patient's most frequent grade"
    note = "mean over the grades that it is defined for; moderate is no test patient's most frequent grade"
    assert found["patient"]["balanced_accuracy"]["note"] == note
    assert "note" not in found["image"]["balanced_accuracy"]


def test_predictions_of_another_split_are_refused():
    views = predict([0, 0, 1, 1, 2, 2])
    split = views.drop_duplicates("image")[["image", "patient", "grade", "split"]]
    assert evaluate(views, split, resamples=10)["leakage"]["leaking"] is False
    split.loc[split["image"] == "00_1.png", "split"] = "train"
    with pytest.raises(UserError, match=r"00_1\.png, are not test images"):
        evaluate(views, split, resamples=10)


def test_no_test_rows_is_an_error():
    with pytest.raises(UserError, match="no row of split 'test'"):
        evaluate(predict([0, 1, 2]).assign(split="val"), None)
