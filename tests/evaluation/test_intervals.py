"""Resamples of patients and the intervals from them."""

import numpy as np
import pytest

from livergrade.evaluation.intervals import draw_patients, naive_accuracy, percentiles, wilson
from livergrade.evaluation.metrics import count_metrics, patient_counts
from tests.evaluation.simulated import level_of


def test_patients_are_drawn_within_their_grade():
    grades = np.array([0] * 5 + [1] * 2 + [3] * 9)
    drawn = draw_patients(grades, 4000, np.random.default_rng(0))
    for grade in (0, 1, 3):
        members = drawn[:, grades == grade]
        assert (members.sum(1) == members.shape[1]).all()
        np.testing.assert_allclose(members.mean(0), 1, atol=0.1)
        np.testing.assert_allclose(members.var(0), 1 - 1 / members.shape[1], atol=0.15)


def test_wilson_against_published_values():
    assert wilson(14 / 15, 15) == pytest.approx((0.702, 0.988), abs=5e-4)
    assert wilson(1, 15) == pytest.approx((0.796, 1), abs=5e-4)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=5e-5)
    assert wilson(70 / 74, 74) == pytest.approx((0.869, 0.979), abs=5e-4)


@pytest.mark.slow
def test_intervals_over_patients_cover_the_truth_and_naive_ones_do_not():
    """500 cohorts of 60 patients with six images each; the chance of a right grade varies by patient."""
    rng = np.random.default_rng(0)
    patients, images, trials = 60, 6, 500
    truth = np.repeat(np.arange(patients) % 3, images)
    patient = np.repeat(np.arange(patients), images)
    covered = np.zeros(2)
    for _ in range(trials):
        chance = rng.beta(2.0, 1.0, patients)  # mean 2/3
        right = rng.random((patients, images)) < chance[:, None]
        called = np.where(right.ravel(), truth, (truth + 1) % 3)
        level = level_of(truth, 0.2 + 0.4 * np.eye(3)[called], patient)
        weights = draw_patients(np.arange(patients) % 3, 1000, rng)
        drawn = count_metrics(np.tensordot(weights, patient_counts(level), 1))["accuracy"]
        intervals = percentiles(drawn), naive_accuracy(level, 1000, rng)
        covered += [low <= 2 / 3 <= high for low, high in intervals]
    by_patient, naive = covered / trials
    told = f"95 % intervals cover the truth in {by_patient:.1%} of trials, naive ones in {naive:.1%}"
    print(told)  # noqa: T201 - shown by pytest -s
    assert 0.92 <= by_patient <= 0.98
    assert naive < 0.85
