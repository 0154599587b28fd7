"""Cohorts of three grades, simulated many at a time, with each metric and its value without each patient.

An image's grade is read from a latent value: the true grade, plus an error that its patient shares (the
intra-class correlation is that share of its variance), plus one of its own. The patient's error is normal, or
has the heavy tails of Student's t with 4 degrees of freedom, or is a skewed beta variable, with two humps.

Shapes: R cohorts, P patients, I images of a patient at most (padded), K = 3 grades.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.intervals import GradeMix
from livergrade.evaluation.levels import Level, ReportedLevel
from livergrade.evaluation.metric_catalog import weighted_metrics
from livergrade.evaluation.metrics import count_metrics, mean_of_defined

Bools = npt.NDArray[np.bool_]
Effect = Literal["normal", "t", "beta"]

MIX = (0.32, 0.38, 0.30)
MOST_IMAGES = 12
LARGE = 60_000
"""Patients of the cohort that gives the true values."""
CENTRES: dict[Effect, tuple[float, float, float]] = {
    "normal": (0, 1, 2),
    "t": (-0.08, 1, 2.08),  # thresholds that favour the middle grade
    "beta": (0, 1, 2),
}


@dataclass(frozen=True)
class Cell:
    """One setting of the simulation.

    Attributes:
        patients: number of test patients.
        equal: whether each has six images; else 1 to 12.
        correlation: share of the latent error's variance that a patient's images have in common.
        accuracy: accuracy of the level in truth.
        mix: whether the patients of each grade are fixed or drawn.
        effect: distribution of the patients' errors.
        gap: accuracy of the first network less that of the second one.
    """

    patients: int
    equal: bool
    correlation: float
    accuracy: float
    mix: GradeMix
    effect: Effect = "normal"
    gap: float = 0.0


@dataclass(frozen=True)
class Cohorts:
    """Predictions of one network on R cohorts, at one level.

    Attributes:
        grades: grade of each patient, int64 [R, P].
        scores: probabilities of each row, float64 [R, P, I, K].
        there: which rows there are, bool [R, P, I].
    """

    grades: Ints
    scores: Floats
    there: Bools

    def level(self, index: int) -> Level:
        """One of the cohorts as the package takes it; the name of a row is its number."""
        there = self.there[index]
        patient = np.repeat(np.arange(len(there)), there.sum(1))
        names = [str(row) for row in range(len(patient))]
        return Level(names, self.grades[index][patient], self.scores[index][there], patient)

    @property
    def predicted(self) -> Floats:
        """Rows of each patient by predicted grade, float64 [R, P, K]."""
        chosen = self.scores.argmax(-1)
        return np.stack([((chosen == k) & self.there).sum(2) for k in range(3)], -1).astype(float)

    @property
    def confusion(self) -> Floats:
        """Confusion matrix of each patient's rows, float64 [R, P, K, K]."""
        return np.asarray(np.eye(3)[self.grades][..., None] * self.predicted[:, :, None, :])


def grades_of(patients: int) -> Ints:
    """Grade of each patient at the fixed mix, int64 [P]."""
    counts = np.floor(np.array(MIX) * patients + 0.5).astype(int)
    counts[1] += patients - counts.sum()
    return np.repeat(np.arange(3), counts)


Errors = tuple[Floats, Floats]
"""Errors of the patients, [R, P], and of their images, [R, P, I], each of variance 1."""


def draw(rng: np.random.Generator, cell: Cell, cohorts: int, patients: int = 0) -> tuple[Ints, Bools, Errors]:
    """Grades, rows and latent errors of so many cohorts; ``patients``, if given, is their number."""
    shape = (cohorts, patients or cell.patients)
    if cell.mix == "random" and not patients:
        grades = np.sort(rng.choice(3, shape, p=MIX), 1)
    else:
        grades = np.tile(grades_of(cell.patients), (cohorts, shape[1] // cell.patients))
    sizes = np.full(shape, 6) if cell.equal else rng.integers(1, MOST_IMAGES + 1, shape)
    there = np.arange(6 if cell.equal else MOST_IMAGES) < sizes[..., None]
    return grades, there, (_patients_errors(rng, cell.effect, shape), rng.standard_normal(there.shape))


def _patients_errors(rng: np.random.Generator, effect: Effect, shape: tuple[int, int]) -> Floats:
    if effect == "t":
        return np.asarray(rng.standard_t(4, shape) / math.sqrt(2))
    if effect == "beta":
        return np.asarray((rng.beta(0.4, 0.8, shape) - 1 / 3) / math.sqrt(0.4 * 0.8 / (1.2**2 * 2.2)))
    return rng.standard_normal(shape)


def related(rng: np.random.Generator, cell: Cell, errors: Errors) -> Errors:
    """Errors of a second network on the same images, with a correlation of 0.6 to those of the first."""
    patients, images = errors
    kept = rng.random(patients.shape) < 0.6
    own = math.sqrt(0.4) * rng.standard_normal(images.shape)
    return np.where(kept, patients, _patients_errors(rng, cell.effect, patients.shape)), (
        math.sqrt(0.6) * images + own
    )


def read(cell: Cell, grades: Ints, there: Bools, errors: Errors, sd: float, name: ReportedLevel) -> Cohorts:
    """Predictions of a network whose latent value has errors of this standard deviation."""
    latent = math.sqrt(cell.correlation) * errors[0][..., None] + math.sqrt(1 - cell.correlation) * errors[1]
    value = grades[..., None] + sd * latent
    distance = -((value[..., None] - np.array(CENTRES[cell.effect])) ** 2) / (2 * sd * sd)
    scores = np.exp(distance - distance.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    if name == "image":
        return Cohorts(grades, scores, there)
    mean = (scores * there[..., None]).sum(2) / there.sum(2)[..., None]
    return Cohorts(grades, mean[:, :, None], np.ones((*grades.shape, 1), bool))


def solve_sd(cell: Cell, name: ReportedLevel) -> float:
    """Standard deviation of the latent error at which the level has the accuracy of the cell."""
    return _solve_sd(cell.equal, cell.correlation, round(cell.accuracy, 6), cell.effect, name)


@cache
def _solve_sd(equal: bool, correlation: float, accuracy: float, effect: Effect, name: ReportedLevel) -> float:
    cell = Cell(100, equal, correlation, accuracy, "fixed", effect)
    drawn = draw(np.random.default_rng(0), cell, 100)
    low, high = 0.03, 9.0
    for _ in range(14):
        middle = math.sqrt(low * high)
        found = read(cell, *drawn, middle, name)
        right = np.take_along_axis(found.predicted, found.grades[..., None], -1).sum() / found.there.sum()
        low, high = (middle, high) if right > accuracy else (low, middle)
    return math.sqrt(low * high)


def large(cell: Cell, sd: float, name: ReportedLevel) -> Level:
    """One cohort of some `LARGE` patients, all of whom count as one, for the true values."""
    patients = cell.patients * (LARGE // cell.patients)
    level = read(cell, *draw(np.random.default_rng(9), cell, 1, patients), sd, name).level(0)
    return Level(level.names, level.truth, level.scores, np.zeros(len(level.truth), np.int64))


def true_values(level: Level) -> dict[str, Floats]:
    """Each metric of a large cohort."""
    return {key: values[0] for key, values in weighted_metrics(level, np.ones((1, 1))).items()}


def without_each(cohorts: Cohorts) -> dict[str, Floats]:
    """Each metric of each cohort, and without each patient: [R, 1 + P] each, of a grade [R, 1 + P, K].

    It equals `livergrade.evaluation.metric_catalog.weighted_metrics` at the jackknife's weights, of one
    cohort at a time.
    """
    right = np.eye(3)[cohorts.grades][:, :, None, :]
    rows, there = _left_out(cohorts.there.sum(2).astype(float)), cohorts.there[..., None]
    errors = (((cohorts.scores - right) ** 2) * there).sum((2, 3))
    lacking = ((cohorts.grades[..., None] - cohorts.scores @ np.arange(3.0)) * cohorts.there).sum(2)
    areas = _areas(cohorts)
    return {
        **count_metrics(_left_out(cohorts.confusion)),
        "auroc": areas,
        "macro_auroc": mean_of_defined(areas),
        "brier": _left_out(errors) / rows,
        "calibration_intercept": _left_out(lacking) / rows,
    }


def _left_out(values: Floats) -> Floats:
    """Sum over the patients, and the sum without each, [R, P, …] to [R, 1 + P, …]."""
    total = values.sum(1, keepdims=True)
    return np.concatenate([total, total - values], 1)


def _areas(cohorts: Cohorts) -> Floats:
    """One-vs-rest areas under the ROC curve, float64 [R, 1 + P, K]."""
    number, patients = cohorts.grades.shape
    areas = np.full((number, 1 + patients, 3), np.nan)
    for index in range(number):
        level = cohorts.level(index)
        for k in range(3):
            positive = level.truth == k
            if positive.any() and not positive.all():
                areas[index, :, k] = _area(level.scores[:, k], positive, level.patient, patients)
    return areas


def _area(score: Floats, positive: Bools, patient: Ints, patients: int) -> Floats:
    """Area under the ROC curve, and without each patient, whose rows are of one grade; float64 [1 + P]."""
    first, second = score[positive], score[~positive]
    lower, upper = np.sort(first), np.sort(second)
    wins = (np.searchsorted(upper, first, "left") + np.searchsorted(upper, first, "right")) / 2
    losses = (np.searchsorted(lower, second, "left") + np.searchsorted(lower, second, "right")) / 2
    lost = np.bincount(patient[positive], wins, patients)
    lost += np.bincount(patient[~positive], len(first) - losses, patients)
    positives = np.bincount(patient[positive], minlength=patients)
    negatives = np.bincount(patient[~positive], minlength=patients)
    pairs = (len(first) - positives) * (len(second) - negatives)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.append(wins.sum() / (len(first) * len(second)), (wins.sum() - lost) / pairs)
