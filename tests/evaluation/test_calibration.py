"""Proper scores and the calibration error, worked by hand."""

import numpy as np
import pytest

from livergrade.evaluation.calibration import (
    BINS,
    calibration_metrics,
    calibration_slope,
    debiased_error,
    patient_sums,
    reliability,
)


def test_figures_worked_by_hand() -> None:
    truth, patient = np.array([0, 1, 1]), np.array([0, 0, 1])
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7]])
    sums = patient_sums(truth, scores, patient)
    found = calibration_metrics(sums, np.array([[1.0, 1.0], [0.0, 2.0]]))
    assert found["brier"] == pytest.approx([(0.02 + 1.62 + 0.18) / 3, 0.18])
    assert found["log_loss"] == pytest.approx([-np.log([0.9, 0.1, 0.7]).mean(), -np.log(0.7)])
    assert found["calibration_intercept"] == pytest.approx([(2 - 0.1 - 0.1 - 0.7) / 3, 0.3])
    # Two rows at 0.9 of which one is right, and one at 0.7 that is right.
    assert found["ece"] == pytest.approx([(2 * 0.4 + 0.3) / 3, 0.3])


def test_bins_hold_every_row_once_and_empty_ones_are_null() -> None:
    truth, scores = np.array([0, 0, 1]), np.array([[1.0, 0.0], [0.5, 0.5], [0.2, 0.8]])
    bins = reliability(patient_sums(truth, scores, np.zeros(3, int)))
    assert len(bins) == BINS
    assert sum(found["n"] for found in bins) == 3
    assert bins[-1] == {"low": 14 / 15, "high": 1, "n": 1, "confidence": 1.0, "accuracy": 1.0}
    assert bins[0]["confidence"] is bins[0]["accuracy"] is None
    for found in bins:
        assert found["n"] == 0 or found["low"] < found["confidence"] <= found["high"]


def test_a_certain_mistake_costs_a_finite_loss() -> None:
    sums = patient_sums(np.array([0]), np.array([[0.0, 1.0]]), np.array([0]))
    assert calibration_metrics(sums, np.ones((1, 1)))["log_loss"][0] == pytest.approx(52 * np.log(2))


def test_perfect_answers_cost_nothing() -> None:
    sums = patient_sums(np.array([0, 1]), np.eye(2), np.array([0, 1]))
    found = calibration_metrics(sums, np.ones((1, 2)))
    assert [float(value[0]) for value in found.values()] == [0, 0, 0, 0]


def calibrated(n, seed=0, power=1.0):
    """Rows whose grades follow the probabilities; those told are a power of them, normalised."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(3), n)
    truth = np.array([rng.choice(3, p=row) for row in scores])
    told = scores**power
    return truth, told / told.sum(1, keepdims=True)


def test_the_slope_is_scikit_learns() -> None:
    from sklearn.linear_model import LogisticRegression

    truth, scores = calibrated(300, power=2.0)
    slope = calibration_slope(truth, scores, np.arange(300) // 3, np.ones((1, 100)))
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    logit = np.log(clipped / (1 - clipped)).reshape(-1, 1)
    fitted = LogisticRegression(C=1e10, tol=1e-10).fit(logit, np.eye(3)[truth].ravel())
    assert slope[0] == pytest.approx(fitted.coef_[0, 0], abs=1e-4)
    assert slope[0] < 0.7  # too sure


def test_a_patient_left_out_is_one_step_from_the_fit() -> None:
    truth, scores = calibrated(300)
    patient, weights = np.arange(300) // 3, np.ones((2, 100))
    weights[1, 5] = 0
    near = calibration_slope(truth, scores, patient, weights)[1]
    exact = calibration_slope(truth, scores, patient, weights[1:])[0]
    assert near == pytest.approx(exact, abs=2e-3)


def test_separated_grades_have_no_slope() -> None:
    truth = np.arange(30) % 3
    slope = calibration_slope(truth, 0.1 + 0.7 * np.eye(3)[truth], truth, np.ones((1, 3)))
    assert np.isnan(slope[0])


def test_the_error_less_chance_is_about_0_of_calibrated_rows_and_not_of_others() -> None:
    weights = np.ones((1, 60))
    for power, low, high in ((1.0, 0, 0.04), (4.0, 0.1, 0.3)):
        found = [
            debiased_error(patient_sums(*calibrated(600, seed, power), np.arange(600) // 10), weights)[0]
            for seed in range(5)
        ]
        assert low <= np.mean(found) <= high
