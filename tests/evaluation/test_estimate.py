"""A figure with its interval, or the reason why it has none."""

import numpy as np
import pytest

from livergrade.evaluation.estimate import estimate, paired_difference, undefined
from livergrade.evaluation.intervals import wilson
from tests.evaluation.simulated import jackknife_of

VALUES = 0.8 + 0.02 * np.cos(np.arange(16))


def test_a_figure_that_is_undefined_says_why() -> None:
    found = estimate(np.full(16, np.nan), 7, jackknife_of(15), reason="no such grade")
    assert found == undefined(7, "no such grade")
    assert found["value"] is None


def test_an_interval_names_its_method() -> None:
    found = estimate(VALUES, 90, jackknife_of(15))
    assert found["low"] < found["value"] < found["high"]
    assert found["method"] == "score interval, jackknife of patients"


def test_a_share_of_independent_patients_is_wilsons() -> None:
    found = estimate(VALUES, 15, jackknife_of(15), share=True, independent=True)
    assert (found["low"], found["high"]) == wilson(VALUES[0], 15)


def test_patients_out_of_the_denominator_do_not_count() -> None:
    found = estimate(VALUES, 30, jackknife_of(15), share=True, patients=np.arange(15) < 5)
    assert found["low"] is None
    assert found["reason"] == "5 test patients: a reliable interval needs 12"


def test_an_obstacle_leaves_the_value_without_an_interval() -> None:
    found = estimate(VALUES, 10, jackknife_of(15), ci_unavailable="none holds")
    assert found == {"value": VALUES[0], "n": 10, "low": None, "high": None, "reason": "none holds"}


def test_what_one_patient_alone_defines_has_no_interval() -> None:
    one = np.append(0.11, np.where(np.arange(15) == 3, np.nan, 0.11))
    found = estimate(one, 15, jackknife_of(15))
    assert (found["value"], found["low"], found["high"]) == (0.11, None, None)
    assert found["reason"].startswith("undefined without one of the patients")
    assert estimate(one, 15, jackknife_of(15), patients=np.arange(15) != 3)["low"] is not None


def test_a_metric_without_bounds_gets_a_t_interval() -> None:
    found = estimate(VALUES + 3, 10, jackknife_of(15), bounds=None)
    assert found["high"] - found["value"] == found["value"] - found["low"] or found["method"].startswith("t ")


def test_a_difference_of_nothing_has_a_width_and_too_few_have_a_reason() -> None:
    found = paired_difference(np.zeros(16), 15, jackknife_of(15))
    assert found["low"] < 0 < found["high"]
    assert "needs 12" in paired_difference(np.zeros(5), 4, jackknife_of(4))["reason"]


@pytest.mark.parametrize("pseudo", [0, 1])
def test_a_difference_that_one_patient_alone_defines_has_no_interval(pseudo: float) -> None:
    values = 0.1 + 0.01 * np.cos(np.arange(16))
    assert paired_difference(values, 15, jackknife_of(15), pseudo=pseudo)["low"] is not None
    values[4] = np.nan
    found = paired_difference(values, 15, jackknife_of(15), pseudo=pseudo)
    assert (found["value"], found["low"], found["high"]) == (values[0], None, None)
    assert found["reason"].startswith("undefined without one of the patients")
