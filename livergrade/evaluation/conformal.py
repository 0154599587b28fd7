"""Conformal prediction: prediction sets that contain the true grade with a required coverage over patients.

Each grade has a nonconformity score under the network's probabilities. The set contains the grades whose
score is not above a threshold, a quantile of the scores of the validation patients' true grades. The
threshold depends on ranks only, so the guarantee holds for any network: for patients exchangeable with the
validation patients, the set contains the true grade with at least the required coverage.

Shapes: N rows, K grades, n calibration patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.estimate import Estimate, estimate, undefined
from livergrade.evaluation.intervals import CONFIDENCE, Jackknife
from livergrade.evaluation.levels import Level, ReportedLevel

Mask = npt.NDArray[np.bool_]

COVERAGE = 0.9
"""Coverage required in the report."""

_ROUNDING = 1e-9  # tolerance for rounding of (n + 1) · coverage and of sums of masses


class ConformalScores(TypedDict):
    """Calibration scores: nonconformity of the true grades, without patient names.

    Attributes:
        patient: the patients' scores, ascending.
        image: a list of ascending scores per patient, in an order that does not identify patients.
    """

    patient: list[float]
    image: list[list[float]]


class LevelSets(TypedDict):
    """Prediction sets of the test rows at one level.

    Attributes:
        threshold: highest nonconformity score of a grade in a set; null: each set contains all grades.
        covered: share of the sets that contain the true grade.
        size: mean number of grades in a set.
        single: share of the sets with exactly one grade.
        single_right: share of those whose grade is correct.
        sizes: number of rows with a set of 1, 2, … K grades.
    """

    threshold: float | None
    covered: Estimate
    size: Estimate
    single: Estimate
    single_right: Estimate
    sizes: list[int]


class PredictionSets(TypedDict):
    """Coverage and size of the prediction sets of the test split; only a reason where no set can be made.

    Attributes:
        asked: required coverage, 0 to 1.
        calibration_patients: number of patients in the calibration set.
        least_patients: minimum number of them for this coverage.
        patient: sets of the patients.
        image: sets of the images; each patient has the same weight.
        range: lower and upper end of the 95 % range of the patient coverage on new patients, over random
            calibration sets of this size; missing if there are too few patients.
        reason: why there are no sets, or why the thresholds are null: there are too few patients.
    """

    asked: NotRequired[float]
    calibration_patients: NotRequired[int]
    least_patients: NotRequired[int]
    patient: NotRequired[LevelSets]
    image: NotRequired[LevelSets]
    range: NotRequired[list[float]]
    reason: NotRequired[str]


def nonconformity(probabilities: npt.ArrayLike) -> Floats:
    """Nonconformity score of each grade: 1 - the smallest unimodal function above the probabilities.

    The function is min(max of p up to the grade, max of p from the grade on). The grades with a score up to
    some threshold are therefore adjacent: a set of ordered grades has no gap. For unimodal probabilities it
    is the probability itself, which gives the smallest sets on average (Sadinle et al., J. Am. Stat. Assoc.
    114, 2019).

    Args:
        probabilities: of the grades, worst to best, [..., K].

    Returns:
        float64 [..., K], 0 to 1.
    """
    given = np.asarray(probabilities, np.float64)
    below = np.maximum.accumulate(given, -1)
    above = np.maximum.accumulate(given[..., ::-1], -1)[..., ::-1]
    return np.asarray(1 - np.minimum(below, above), np.float64)


def true_scores(levels: Mapping[str, Level]) -> ConformalScores:
    """Calibration scores: nonconformity of the true grades, without patient names.

    Args:
        levels: validation views aggregated by `livergrade.evaluation.levels.aggregate`.
    """
    patient, image = (
        nonconformity(levels[name].scores)[np.arange(len(levels[name].truth)), levels[name].truth]
        for name in ("patient", "image")
    )
    patient_of_image = levels["image"].patient
    by_patient = [np.sort(image[patient_of_image == index]).tolist() for index in range(len(patient))]
    return {"patient": np.sort(patient).tolist(), "image": sorted(by_patient)}


def least_patients(coverage: float) -> int:
    """Minimum number of calibration patients; with fewer, every set must contain all grades."""
    return math.ceil(coverage / (1 - coverage) - _ROUNDING)


def threshold(calibration: Sequence[float | Sequence[float]], coverage: float) -> float:
    """Score that a grade must not exceed to be in the set.

    Args:
        calibration: from ``true_scores``: one score per patient, or the scores of each patient's images.
        coverage: required coverage, 0 to 1.

    Returns:
        For patients the ⌈(n + 1)·coverage⌉-th lowest score (split conformal prediction: Papadopoulos et al.,
        ECML 2002). For images the same quantile of the mixture in which each patient has mass 1/(n + 1),
        spread evenly over its images (hierarchical conformal prediction: Lee, Barber & Willett,
        arXiv:2306.06342, 2023): the guarantee is for an image of a new patient. Infinite if there are too
        few patients.
    """
    n = len(calibration)
    groups = [np.atleast_1d(np.asarray(scores, np.float64)) for scores in calibration]
    if n < least_patients(coverage):
        return math.inf
    values = np.concatenate(groups)
    mass = np.concatenate(
        [np.full(len(scores), 1 / len(scores)) for scores in groups]
    )  # sums to n; infinity has mass 1
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(mass[order]) >= (n + 1) * coverage - _ROUNDING
    return float(values[order][reached.argmax()]) if reached.any() else math.inf


def sets(probabilities: npt.ArrayLike, limit: float) -> Mask:
    """Grades in each prediction set.

    Args:
        probabilities: of the grades, [..., K].
        limit: result of `threshold`.

    Returns:
        bool [..., K]: adjacent grades. The most probable grade is always included, so that no set is empty;
        this can only raise the coverage.
    """
    given = np.asarray(probabilities, np.float64)
    included = nonconformity(given) <= limit
    np.put_along_axis(included, given.argmax(-1)[..., None], True, -1)
    return np.asarray(included, np.bool_)


def set_estimates(
    levels: Mapping[str, Level],
    calibration: ConformalScores,
    jackknife: Jackknife,
    *,
    coverage: float = COVERAGE,
) -> PredictionSets:
    """Coverage and size of the prediction sets of the test patients and of their images.

    At image level each patient has the same weight, since the guarantee is for an image of a new patient.

    Args:
        levels: of the test split, at the temperature used for the calibration scores.
        calibration: result of `true_scores`.
        jackknife: the test patients.
        coverage: required coverage.
    """
    from scipy.stats import beta  # slow to import, and not needed for inference

    n, least = len(calibration["patient"]), least_patients(coverage)

    def measured(name: ReportedLevel) -> LevelSets:
        limit = threshold(calibration[name], coverage)
        return level_sets(levels[name], limit, jackknife, independent=name == "patient")

    result: PredictionSets = {
        "asked": coverage,
        "calibration_patients": n,
        "least_patients": least,
        "patient": measured("patient"),
        "image": measured("image"),
    }
    if n < least:
        result["reason"] = (
            f"{n} validation patients are too few to guarantee {100 * coverage:g} % coverage, which "
            f"takes {least}: each set contains all grades. Set a higher split.val_fraction"
        )
    else:
        # The coverage of one calibration set has a beta distribution (Vovk, ACML 2012, proposition 2a).
        rank = math.ceil((n + 1) * coverage - _ROUNDING)
        tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
        result["range"] = [float(beta.ppf(tail, rank, n + 1 - rank)) for tail in tails]
    return result


def level_sets(level: Level, limit: float, jackknife: Jackknife, *, independent: bool) -> LevelSets:
    """Coverage and size of the prediction sets of one level.

    Args:
        level: its rows.
        limit: result of `threshold`.
        jackknife: the test patients.
        independent: whether each row is a different patient.
    """
    included = sets(level.scores, limit)
    rows = np.bincount(level.patient)
    size = included.sum(1)
    single, correct = size == 1, included[np.arange(len(size)), level.truth]

    def patient_mean(
        values: npt.NDArray[Any], among: Mask | None = None, *, proportion: bool = True
    ) -> Estimate:
        """Mean over patients of the mean over their rows, restricted to the rows ``among``."""
        counted = np.ones(len(size), bool) if among is None else among
        numerator, denominator = (
            np.bincount(level.patient, weights) / rows for weights in (values * counted, counted)
        )
        n = int(counted.sum())
        if not n:
            return undefined(0, "no set contains exactly one grade")
        with np.errstate(invalid="ignore", divide="ignore"):
            values = (jackknife.multiplicities @ numerator) / (jackknife.multiplicities @ denominator)
        return estimate(
            values,
            n,
            jackknife,
            bounds=(0, 1) if proportion else (1, max(included.shape[1], 2)),
            patients=denominator > 0,
            share=proportion,
            independent=independent,
        )

    return {
        "threshold": limit if math.isfinite(limit) else None,
        "covered": patient_mean(correct),
        "size": patient_mean(size, proportion=False),
        "single": patient_mean(single),
        "single_right": patient_mean(correct, single),
        "sizes": np.bincount(size, minlength=included.shape[1] + 1)[1:].tolist(),
    }
