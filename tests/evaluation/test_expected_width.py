"""The width of an interval that is still to be measured."""

import numpy as np
import pytest

from livergrade.evaluation.estimate import estimate
from livergrade.evaluation.expected_width import (
    ACCURACY,
    ExpectedCohort,
    correlation_of,
    half_width,
    least,
    patients_for,
)
from livergrade.evaluation.intervals import Jackknife, share_of_patients
from livergrade.evaluation.levels import ReportedLevel
from tests.evaluation import cohorts
from tests.evaluation.cohorts import Cell

COHORT = ExpectedCohort(0.8, 6, 0.25, (0.3, 0.4, 0.3))


def test_by_patient_it_is_the_mean_over_what_may_come() -> None:
    from scipy.stats import binom

    halves = [np.ptp(share_of_patients(k / 15, 15)) / 2 for k in range(16)]
    expected = float(np.dot(halves, binom.pmf(np.arange(16), 15, 0.8)))
    assert half_width(COHORT, 15, "patient") == pytest.approx(expected, abs=1e-5)
    assert half_width(COHORT, 11, "patient") is None


def test_the_number_of_patients_is_the_least_that_is_enough() -> None:
    found = patients_for(COHORT, 0.1, "patient")
    assert found
    assert (
        (half_width(COHORT, found, "patient") or 1) <= 0.1 < (half_width(COHORT, found - 1, "patient") or 0)
    )
    assert patients_for(COHORT, 0.001, "patient") is None
    assert patients_for(COHORT, 0.4, "patient") == 12
    assert least(lambda number: number >= 7, 1, 9) == 7


def test_images_that_are_alike_tell_no_more_than_patients() -> None:
    from dataclasses import replace

    alike, own = (half_width(replace(COHORT, correlation=r), 30, "image") or 0 for r in (1, 0))
    assert alike > 1.8 * own
    assert alike == pytest.approx(half_width(COHORT, 30, "patient"), rel=0.2)


def test_every_patient_has_a_grade() -> None:
    assert np.bincount(COHORT.grades(10)).tolist() == [3, 4, 3]
    assert np.bincount(COHORT.grades(13)).sum() == 13


def test_the_correlation_is_that_which_was_drawn() -> None:
    sizes, correct = COHORT.draw(3000, np.random.default_rng(0))
    patient = np.repeat(np.arange(3000), sizes)
    each = np.arange(len(patient)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    right = (each < correct[patient]).astype(float)
    assert right.mean() == pytest.approx(0.8, abs=0.02)
    assert correlation_of(right, patient) == pytest.approx(0.25, abs=0.03)
    assert sizes.mean() == pytest.approx(6, abs=0.2)
    assert correlation_of(np.ones(4), np.array([0, 0, 1, 1])) is None
    assert correlation_of(np.array([0.0, 1.0]), np.array([0, 1])) is None
    assert correlation_of(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1])) == 1


@pytest.mark.slow
@pytest.mark.parametrize("patients", [15, 30, 74])
@pytest.mark.parametrize("accuracy", [0.8, 0.95])
@pytest.mark.parametrize("level", ["patient", "image"])
def test_it_is_the_mean_width_of_simulated_cohorts(
    patients: int, accuracy: float, level: ReportedLevel
) -> None:
    """Of cohorts whose grades are read from latent values, as in benchmarks/coverage.py."""
    cell = Cell(patients, False, 0.5, accuracy, "fixed")
    sd = cohorts.solve_sd(cell, level)
    drawn = cohorts.read(cell, *cohorts.draw(np.random.default_rng(1), cell, 1500), sd, level)
    right = (drawn.scores.argmax(-1) == drawn.grades[..., None]) & drawn.there
    correct, sizes = right.sum(2), drawn.there.sum(2)
    rows = sizes.sum(1, keepdims=True)
    jackknife = Jackknife(cohorts.grades_of(patients))
    independent, halves = level == "patient", []
    for one, of, number in zip(correct, sizes, rows[:, 0], strict=True):
        values = np.append(one.sum() / number, (one.sum() - one) / (number - of))
        found = estimate(
            values,
            int(number),
            jackknife,
            share=True,
            independent=independent,
            pseudo=ACCURACY.pseudo(independent, patients),
            spread=ACCURACY.spread(independent),
        )
        halves.append(((found["high"] or 0) - (found["low"] or 0)) / 2)
    big = cohorts.read(
        cell, *cohorts.draw(np.random.default_rng(2), cell, 1, patients * (3000 // patients)), sd, level
    )
    level_of = big.level(0)
    hits = (level_of.predicted == level_of.truth).astype(float)
    correlation = correlation_of(hits, level_of.patient) if level == "image" else 0.0
    expected = ExpectedCohort(float(hits.mean()), 6.5, correlation or 0.0, cohorts.MIX)
    error = float(np.std(halves)) * (1 / 1500 + 1 / 200) ** 0.5
    assert half_width(expected, patients, level) == pytest.approx(np.mean(halves), abs=4 * error + 0.003)


def test_the_narrow_interval_of_a_nearly_constant_network_holds_and_is_not_the_planned_one() -> None:
    rng, grades = np.random.default_rng(0), np.arange(30) % 3
    jackknife, right = Jackknife(grades), np.array([0.05, 0.95, 0.05])
    held, halves = [], []
    for _ in range(200):
        sizes = rng.integers(1, 8, 30)
        correct = rng.binomial(sizes, rng.beta(right[grades] * 7 / 3, (1 - right[grades]) * 7 / 3))
        values = np.append(correct.sum(), correct.sum() - correct) / np.append(
            sizes.sum(), sizes.sum() - sizes
        )
        pseudo, spread = ACCURACY.pseudo(False, 30), ACCURACY.spread(False)
        rows = int(sizes.sum())
        found = estimate(values, rows, jackknife, share=True, pseudo=pseudo, spread=spread)
        low, high = found["low"], found["high"]
        assert low is not None
        assert high is not None
        held.append(low <= right.mean() <= high)
        halves.append((high - low) / 2)
    assert np.mean(held) >= 0.93
    planned = half_width(ExpectedCohort(float(right.mean()), 4, 0.3, (1 / 3, 1 / 3, 1 / 3)), 30, "image")
    assert planned
    assert np.mean(halves) < 0.9 * planned
