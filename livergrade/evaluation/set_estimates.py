"""Coverage and size of prediction sets on test patients, of all and of each grade.

Shapes: N rows, K grades, n calibration patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.conformal import (
    ROUNDING,
    ConformalScores,
    Mask,
    least_patients,
    make_thresholds,
    sets,
)
from livergrade.evaluation.estimate import Estimate, estimate, undefined
from livergrade.evaluation.intervals import CONFIDENCE, LEAST, Jackknife, too_few_patients
from livergrade.evaluation.levels import Level, ReportedLevel

LEAST_BY_IMAGE = 30
"""With fewer test patients intervals of sets of images do not hold where those of a patient are alike."""

COVERAGE = 0.9
"""Coverage required in the report."""


class GradeSets(TypedDict):
    """Prediction sets of the test rows of one true grade at one level.

    Attributes:
        threshold: highest nonconformity score at which this grade is in a set; null: it is in each set.
        covered: share of the sets that contain the grade.
        size: mean number of grades in a set.
    """

    threshold: float | None
    covered: Estimate
    size: Estimate


class LevelSets(TypedDict):
    """Prediction sets of the test rows at one level.

    Attributes:
        threshold: highest nonconformity score of a grade in a set, the same for all grades; null: each set
            contains all grades, or each grade has a threshold of its own.
        covered: share of the sets that contain the true grade.
        size: mean number of grades in a set.
        single: share of the sets with exactly one grade.
        single_right: share of those whose grade is correct.
        sizes: number of rows with a set of 1, 2, … K grades.
        by_grade: true grade → the sets of its rows; missing in runs of earlier versions.
    """

    threshold: float | None
    covered: Estimate
    size: Estimate
    single: Estimate
    single_right: Estimate
    sizes: list[int]
    by_grade: NotRequired[dict[str, GradeSets]]


class PredictionSets(TypedDict):
    """Coverage and size of the prediction sets of the test split; only a reason where no set can be made.

    Attributes:
        asked: required coverage, 0 to 1.
        calibration_patients: number of patients in the calibration set.
        least_patients: minimum number of them for this coverage.
        patient: sets of the patients.
        image: sets of the images; each patient has the same weight.
        range: lower and upper end of the 95 % range of the patient coverage on new patients, over random
            calibration sets of this size; missing if there are too few patients or thresholds by grade.
        by_grade: whether each grade has a threshold of its own; missing in runs of earlier versions.
        fallback: why all grades have one threshold although thresholds by grade were asked for.
        reason: why there are no sets, or why the thresholds are null: there are too few patients.
    """

    asked: NotRequired[float]
    calibration_patients: NotRequired[int]
    least_patients: NotRequired[int]
    patient: NotRequired[LevelSets]
    image: NotRequired[LevelSets]
    range: NotRequired[list[float]]
    by_grade: NotRequired[bool]
    fallback: NotRequired[str]
    reason: NotRequired[str]


def set_estimates(
    levels: Mapping[str, Level],
    calibration: ConformalScores,
    jackknife: Jackknife,
    *,
    classes: Sequence[str],
    by_grade: Mapping[str, ConformalScores] | None = None,
    ask_by_grade: bool = False,
    coverage: float = COVERAGE,
) -> PredictionSets:
    """Coverage and size of the prediction sets of the test patients and of their images.

    At image level each patient has the same weight, since the guarantee is for an image of a new patient.

    Args:
        levels: of the test split, at the temperature used for the calibration scores.
        calibration: result of `true_scores`.
        jackknife: the test patients.
        classes: the grades, worst to best.
        by_grade: result of `true_scores_by_grade`, if there is one.
        ask_by_grade: whether each grade should have a threshold of its own.
        coverage: required coverage.
    """
    from scipy.stats import beta  # slow to import, and not needed for inference

    n, least = len(calibration["patient"]), least_patients(coverage)
    chosen = make_thresholds(calibration, by_grade, classes, coverage, ask_by_grade=ask_by_grade)

    def measured(name: ReportedLevel) -> LevelSets:
        limits = chosen.limits[name]
        return level_sets(levels[name], limits, jackknife, independent=name == "patient", classes=classes)

    result: PredictionSets = {
        "asked": coverage,
        "calibration_patients": n,
        "least_patients": least,
        "patient": measured("patient"),
        "image": measured("image"),
        "by_grade": chosen.by_grade,
    }
    if chosen.fallback:
        result["fallback"] = chosen.fallback
    if n < least:
        result["reason"] = (
            f"{n} validation patients are too few to guarantee {100 * coverage:g} % coverage, which needs "
            f"{least}: each set contains all grades. Set a higher split.val_fraction"
        )
    elif not chosen.by_grade:
        # The coverage of one calibration set has a beta distribution (Vovk, ACML 2012, proposition 2a).
        rank = math.ceil((n + 1) * coverage - ROUNDING)
        tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
        result["range"] = [float(beta.ppf(tail, rank, n + 1 - rank)) for tail in tails]
    return result


def level_sets(
    level: Level,
    limit: npt.ArrayLike,
    jackknife: Jackknife,
    *,
    independent: bool,
    classes: Sequence[str] = (),
) -> LevelSets:
    """Coverage and size of the prediction sets of one level.

    Args:
        level: its rows.
        limit: threshold of the sets, or that of each grade, [K].
        jackknife: the test patients.
        independent: whether each row is a different patient.
        classes: the grades, for the sets by grade.
    """
    included = sets(level.scores, limit)
    limits = np.broadcast_to(np.asarray(limit, np.float64), (included.shape[1],))
    rows = np.bincount(level.patient)
    size = included.sum(1)
    single, correct = size == 1, included[np.arange(len(size)), level.truth]

    def patient_mean(
        values: npt.NDArray[Any], among: Mask | None = None, *, proportion: bool = True, none: str = ""
    ) -> Estimate:
        """Mean over patients of the mean over their rows, restricted to the rows ``among``."""
        counted = np.ones(len(size), bool) if among is None else among
        numerator, denominator = (
            np.bincount(level.patient, weights) / rows for weights in (values * counted, counted)
        )
        n = int(counted.sum())
        if not n:
            return undefined(0, none)
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
            ci_unavailable=too_few_patients(len(rows), least=LEAST if independent else LEAST_BY_IMAGE),
        )

    def of_grade(index: int) -> GradeSets:
        among, none = level.truth == index, "no test patient has this grade"
        return {
            "threshold": _finite(limits[index]),
            "covered": patient_mean(correct, among, none=none),
            "size": patient_mean(size, among, proportion=False, none=none),
        }

    return {
        "threshold": _finite(limits[0]) if (limits == limits[0]).all() else None,
        "covered": patient_mean(correct),
        "size": patient_mean(size, proportion=False),
        "single": patient_mean(single),
        "single_right": patient_mean(correct, single, none="no set contains exactly one grade"),
        "sizes": np.bincount(size, minlength=included.shape[1] + 1)[1:].tolist(),
        "by_grade": {grade: of_grade(index) for index, grade in enumerate(classes)},
    }


def _finite(limit: float) -> float | None:
    return float(limit) if math.isfinite(limit) else None
