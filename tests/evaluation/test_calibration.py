"""Proper scores and the calibration error, worked by hand."""

import numpy as np
import pytest

from livergrade.evaluation.calibration import BINS, calibration_metrics, patient_sums, reliability


def test_figures_worked_by_hand() -> None:
    truth, patient = np.array([0, 1, 1]), np.array([0, 0, 1])
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7]])
    sums = patient_sums(truth, scores, patient)
    found = calibration_metrics(sums, np.array([[1.0, 1.0], [0.0, 2.0]]))
    assert found["brier"] == pytest.approx([(0.02 + 1.62 + 0.18) / 3, 0.18])
    assert found["log_loss"] == pytest.approx([-np.log([0.9, 0.1, 0.7]).mean(), -np.log(0.7)])
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
    assert [float(value[0]) for value in found.values()] == [0, 0, 0]
