"""A figure with its interval, or the reason why it has none."""

import numpy as np

from livergrade.evaluation.estimate import estimate, undefined
from livergrade.evaluation.intervals import wilson


def test_a_figure_that_is_undefined_says_why() -> None:
    found = estimate(np.array([np.nan, 0.5, 0.6]), 7, ci_unavailable="", reason="no such grade")
    assert found == undefined(7, "no such grade")
    assert found["value"] is None


def test_an_interval_of_resamples() -> None:
    drawn = np.array([0.5, *np.linspace(0, 1, 101), np.nan])
    found = estimate(drawn, 9, ci_unavailable="")
    assert (found["value"], found["n"], found["undefined_resamples"]) == (0.5, 9, 1)
    np.testing.assert_allclose((found["low"], found["high"]), (0.025, 0.975))


def test_a_share_of_independent_patients_needs_no_resample() -> None:
    found = estimate(np.array([0.8]), 10, patients=10, independent=True, ci_unavailable="one patient only")
    assert (found["low"], found["high"]) == wilson(0.8, 10)


def test_an_obstacle_leaves_the_value_without_an_interval() -> None:
    found = estimate(np.array([0.8, 0.7, 0.9]), 10, ci_unavailable="one patient only")
    assert found == {"value": 0.8, "n": 10, "low": None, "high": None, "reason": "one patient only"}
