"""How wide the interval of an accuracy will be with so many test patients, and how many a width takes.

The interval is the one that a run prints: its functions are called for cohorts as they may turn out. By
patient all numbers of correct patients are weighed by their probability; by image cohorts are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.estimate import Estimate, estimate
from livergrade.evaluation.intervals import LEAST, Jackknife
from livergrade.evaluation.levels import ReportedLevel
from livergrade.evaluation.metric_catalog import overall

MOST = 5000
"""Test patients beyond which no number is looked for."""
COHORTS = 200
"""Cohorts that are drawn for a width by image; its mean is then known to some 1 % of itself."""
ACCURACY = next(metric for metric in overall() if metric.name == "accuracy")


@dataclass(frozen=True)
class ExpectedCohort:
    """What is expected of the test patients.

    Attributes:
        accuracy: share of rows that are graded correctly, above 0 and below 1; the same in each grade.
        images: mean number of images of a patient; all numbers from 1 to twice the mean less 1 are alike
            probable.
        correlation: intra-class correlation of whether images of one patient are graded correctly, 0 to 1.
        shares: share of the patients of each grade, [K], with the sum 1.
    """

    accuracy: float
    images: float
    correlation: float
    shares: tuple[float, ...]

    def grades(self, patients: int) -> Ints:
        """Grade of each of so many patients, sorted, int64 [P]; rounded so that no patient is left over."""
        ends = np.rint(np.cumsum(self.shares) * patients).astype(int)
        return np.asarray(np.searchsorted(ends, np.arange(patients), side="right"), np.int64)

    def draw(self, patients: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Images of each patient, and how many of them are graded correctly, int64 [P] each."""
        sizes = rng.integers(1, max(round(2 * self.images - 1), 1) + 1, patients)
        if self.correlation <= 0:
            return sizes, rng.binomial(sizes, self.accuracy)
        if self.correlation >= 1:
            return sizes, sizes * rng.binomial(1, self.accuracy, patients)
        both = 1 / self.correlation - 1  # so has the sum of two images a beta-binomial distribution
        shares = rng.beta(self.accuracy * both, (1 - self.accuracy) * both, patients)
        return sizes, rng.binomial(sizes, shares)


def half_width(cohort: ExpectedCohort, patients: int, level: ReportedLevel) -> float | None:
    """Expected half of the width of the accuracy's 95 % interval, a share; None: no interval is printed.

    Args:
        cohort: what is expected.
        patients: number of test patients.
        level: whether images or patients are rows.
    """
    if patients < LEAST:
        return None
    return _by_patient(cohort, patients) if level == "patient" else _by_image(cohort, patients)


def _by_patient(cohort: ExpectedCohort, patients: int) -> float:
    """Mean over all numbers of correct patients, weighed by their binomial probability."""
    from scipy.stats import binom  # slow to import, and not needed for inference

    correct = np.arange(patients + 1)
    probable = binom.pmf(correct, patients, cohort.accuracy)
    kept = np.flatnonzero(probable > 1e-7)
    jackknife = Jackknife(cohort.grades(patients))
    halves = [_half(_printed(np.array([k / patients]), patients, jackknife, "patient")) for k in kept]
    return float(np.average(halves, weights=probable[kept]))


def _by_image(cohort: ExpectedCohort, patients: int) -> float:
    """Mean over drawn cohorts, the same ones at each call."""
    rng, jackknife = np.random.default_rng(patients), Jackknife(cohort.grades(patients))
    halves = []
    for _ in range(COHORTS):
        sizes, correct = cohort.draw(patients, rng)
        rows = int(sizes.sum())
        without = (correct.sum() - correct) / (rows - sizes)
        values = np.append(correct.sum() / rows, without)
        halves.append(_half(_printed(values, rows, jackknife, "image")))
    return float(np.mean(halves))


def _printed(values: Floats, rows: int, jackknife: Jackknife, level: ReportedLevel) -> Estimate:
    """The accuracy as a run prints it; ``values`` are it, and without each patient where images are rows."""
    independent, patients = level == "patient", len(jackknife.grades)
    return estimate(
        values,
        rows,
        jackknife,
        share=True,
        independent=independent,
        pseudo=ACCURACY.pseudo(independent, patients),
        spread=ACCURACY.spread(independent),
    )


def _half(found: Estimate) -> float:
    return ((found["high"] or 0.0) - (found["low"] or 0.0)) / 2


def patients_for(cohort: ExpectedCohort, half: float, level: ReportedLevel) -> int | None:
    """Least number of test patients whose expected interval is no wider than ± ``half``; None: above `MOST`.

    Args:
        cohort: what is expected.
        half: half the width that is wanted, a share.
        level: whether images or patients are rows.
    """
    return least(lambda patients: (half_width(cohort, patients, level) or 1.0) <= half, LEAST, MOST)


def least(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """Least number from ``low`` to ``high`` for which that holds which holds for all above; None: none."""
    if holds(low):
        return low
    if not holds(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def correlation_of(correct: Floats, patient: Ints) -> float | None:
    """Intra-class correlation of whether the images of a patient are graded correctly, 0 to 1.

    From the mean squares between and within patients of different sizes (Fleiss, Levin & Paik, Statistical
    Methods for Rates and Proportions, 2003, section 15.2); below 0 counts as 0.

    Args:
        correct: 1 for an image that is graded correctly, else 0, float64 [N].
        patient: patient of each image, int64 [N], contiguous from 0.

    Returns:
        None where it is not defined: no patient has two images, or all images or none are correct.
    """
    sizes = np.bincount(patient)
    groups, rows = len(sizes), len(correct)
    if groups < 2 or rows <= groups or np.ptp(correct) == 0:
        return None
    means = np.bincount(patient, correct) / sizes
    between = float((sizes * (means - correct.mean()) ** 2).sum()) / (groups - 1)
    within = float(((correct - means[patient]) ** 2).sum()) / (rows - groups)
    usual = (rows - float((sizes**2).sum()) / rows) / (groups - 1)
    return min(max((between - within) / (between + (usual - 1) * within), 0.0), 1.0)
