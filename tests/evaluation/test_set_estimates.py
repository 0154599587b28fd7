"""Prediction sets on test patients: figures of all and of each grade, or why there are none."""

import numpy as np
import pytest

from livergrade.evaluation.conformal import sets, true_scores, true_scores_by_grade
from livergrade.evaluation.set_estimates import set_estimates
from tests.conftest import GRADES
from tests.evaluation.simulated import clustered, jackknife_of, level_of


def test_figures_are_those_of_the_sets():
    rng = np.random.default_rng(3)
    known, new = clustered(30, rng), clustered(35, rng)
    found = set_estimates(new, true_scores(known), jackknife_of(35), classes=GRADES, coverage=0.8)
    assert found["calibration_patients"] == 30
    for name in ("patient", "image"):
        chosen = sets(new[name].scores, found[name]["threshold"])
        assert found[name]["sizes"] == [int((chosen.sum(1) == size).sum()) for size in (1, 2, 3)]
        by_patient = [chosen[new[name].patient == one].sum(1).mean() for one in range(35)]
        assert found[name]["size"]["value"] == pytest.approx(np.mean(by_patient))
        assert (
            found[name]["covered"]["low"] <= found[name]["covered"]["value"] <= found[name]["covered"]["high"]
        )
    assert found["patient"]["covered"]["method"] == "Wilson, patients"
    single = sets(new["patient"].scores, found["patient"]["threshold"]).sum(1) == 1
    right = new["patient"].predicted == new["patient"].truth
    assert found["patient"]["single"]["value"] == pytest.approx(single.mean())
    assert found["patient"]["single_right"]["value"] == pytest.approx(right[single].mean())
    assert found["patient"]["single_right"]["n"] == single.sum()
    low, high = found["range"]
    assert low < 0.8 < high


@pytest.mark.parametrize("own", [False, True])
def test_coverage_of_each_grade_has_an_interval_or_a_reason(own):
    rng = np.random.default_rng(5)
    known, new = clustered(60, rng), clustered(40, rng)
    by_grade = true_scores_by_grade(known, GRADES)
    options = {"classes": GRADES, "by_grade": by_grade, "ask_by_grade": own, "coverage": 0.8}
    found = set_estimates(new, true_scores(known), jackknife_of(40), **options)
    assert found["by_grade"] is own
    assert ("range" in found) is not own
    truth = new["patient"].truth
    for index, grade in enumerate(GRADES):
        one = found["patient"]["by_grade"][grade]
        limits = [found["patient"]["by_grade"][name]["threshold"] for name in GRADES]
        held = sets(new["patient"].scores, limits)[truth == index]
        assert one["covered"]["value"] == pytest.approx(held[:, index].mean())
        assert one["size"]["value"] == pytest.approx(held.sum(1).mean())
        assert one["covered"]["n"] == (truth == index).sum()
        assert ("reason" in one["covered"]) == (one["covered"]["n"] < 12)
    assert len(set(limits)) == (3 if own else 1)


def test_a_grade_without_test_patients_has_no_coverage():
    levels = dict.fromkeys(("patient", "image"), level_of([0] * 12, [[0.8, 0.1, 0.1]] * 12, np.arange(12)))
    found = set_estimates(levels, true_scores(levels), jackknife_of(12, 1), classes=GRADES)
    covered = found["patient"]["by_grade"]["well"]["covered"]
    assert (covered["value"], covered["reason"]) == (None, "no test patient has this grade")


def test_too_few_patients_promise_nothing_and_say_why():
    rng = np.random.default_rng(4)
    scores = true_scores(clustered(8, rng))
    found = set_estimates(clustered(12, rng), scores, jackknife_of(12), classes=GRADES)
    assert found["patient"]["threshold"] is found["image"]["threshold"] is None
    assert found["patient"]["sizes"] == [0, 0, 12]
    assert found["patient"]["covered"]["value"] == 1
    assert found["patient"]["single_right"]["value"] is None
    assert found["patient"]["single_right"]["reason"] == "no set contains exactly one grade"
    assert "8 validation patients are too few to guarantee 90 % coverage, which needs 9" in found["reason"]
    assert "split.val_fraction" in found["reason"]
    assert "range" not in found


@pytest.mark.parametrize("grades", [2, 5])
def test_any_number_of_grades_and_ties(grades):
    even = np.full((12, grades), 1 / grades)
    levels = dict.fromkeys(("patient", "image"), level_of(np.zeros(12, int), even, np.arange(12)))
    classes = [f"grade {number}" for number in range(grades)]
    found = set_estimates(levels, true_scores(levels), jackknife_of(12), classes=classes)
    assert found["patient"]["sizes"] == [0] * (grades - 1) + [12]  # all conform alike
    assert found["patient"]["size"]["low"] < found["patient"]["size"]["high"]
