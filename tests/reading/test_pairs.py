"""Two columns of grades, with intervals over patients."""

import numpy as np
import pytest

from livergrade.evaluation.intervals import score_interval
from livergrade.reading.pairs import coefficient_estimate, jackknife_of, pair, with_each_left_out
from tests.reading.made import made, simulated


def test_patients_and_not_images_are_what_is_left_out() -> None:
    assert with_each_left_out(np.array([[1.0, 2], [3, 4]])).tolist() == [[4, 6], [3, 4], [1, 2]]
    grades = simulated(20, 3)
    one = pair("A", "B", (grades[:, 0], grades[:, 1]), made(grades, 3))
    same = int((grades[:, 0] == grades[:, 1]).sum())
    assert (one["images"], one["patients"]) == (60, 20)
    assert one["agreement"]["value"] == same / 60
    assert np.trace(one["confusion"]) == same
    # Each image three times, of the same patients: hardly narrower; of three times as many patients 0.58.
    thrice = np.repeat(grades, 3, 0)
    more = pair("A", "B", (thrice[:, 0], thrice[:, 1]), made(thrice, 9))
    assert more["agreement"]["high"] - more["agreement"]["low"] > 0.85 * (
        one["agreement"]["high"] - one["agreement"]["low"]
    )


def test_too_few_patients_have_a_value_and_the_reason() -> None:
    grades = simulated(5, 3)
    one = pair("A", "B", (grades[:, 0], grades[:, 1]), made(grades, 3))
    assert one["kappa"]["value"] is not None
    assert one["kappa"]["low"] is None
    assert "5 test patients: a reliable interval needs 12" in one["kappa"]["reason"]


def test_no_common_image_and_one_single_grade_are_undefined_with_the_reason() -> None:
    grades = np.array([[0, -1], [-1, 0]])
    one = pair("A", "B", (grades[:, 0], grades[:, 1]), made(grades))
    assert (one["images"], one["agreement"]["value"]) == (0, None)
    assert one["kappa"]["reason"] == "no image was graded by both"
    same = np.zeros((20, 2), np.int64)
    one = pair("A", "B", (same[:, 0], same[:, 1]), made(same))
    assert one["agreement"]["value"] == 1
    assert one["kappa"]["reason"] == "undefined: all grades are the same"


@pytest.mark.parametrize("patients", [15, 30, 74])
def test_the_pseudo_patient_of_a_coefficient_is_the_one_that_was_simulated(patients: int) -> None:
    values = 0.85 + 0.01 * np.random.default_rng(0).standard_normal(patients + 1)
    found = coefficient_estimate(values, 6 * patients)
    pseudo = 0.5 * (patients / 30) ** 0.5
    wanted = score_interval(values, jackknife_of(patients), (-1, 1), pseudo=pseudo)
    assert (found["low"], found["high"]) == (wanted["low"], wanted["high"])
