"""Conformal prediction: prediction sets that contain the true grade with a required coverage over patients.

Each grade has a nonconformity score under the network's probabilities. The set contains the grades whose
score is not above a threshold, a quantile of the scores of the validation patients' true grades. The
threshold depends on ranks only, so the guarantee holds for any network: for patients exchangeable with the
validation patients, the set contains the true grade with at least the required coverage. That is a mean over
the grades: a rare one may be covered less. With a threshold of its own for each grade, from the validation
patients of that grade (Mondrian conformal prediction: Vovk, ACML 2012), it holds for each of them.

Shapes: N rows, K grades, n calibration patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.levels import REPORTED_LEVELS, Level, ReportedLevel

Mask = npt.NDArray[np.bool_]

ROUNDING = 1e-9
"""Tolerance for rounding of (n + 1) · coverage and of sums of masses."""


class ConformalScores(TypedDict):
    """Calibration scores: nonconformity of the true grades, without patient names.

    Attributes:
        patient: the patients' scores, ascending.
        image: a list of ascending scores per patient, in an order that does not identify patients.
    """

    patient: list[float]
    image: list[list[float]]


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


def true_scores_by_grade(levels: Mapping[str, Level], classes: Sequence[str]) -> dict[str, ConformalScores]:
    """Calibration scores of each true grade.

    Args:
        levels: as in `true_scores`.
        classes: the grades, worst to best.

    Returns:
        Grade → scores of the patients of that grade, and of each patient's images of that grade.
    """
    result: dict[str, ConformalScores] = {}
    for index, grade in enumerate(classes):
        part = {}
        for name in REPORTED_LEVELS:
            level = levels[name]
            rows = np.flatnonzero(level.truth == index)
            own = nonconformity(level.scores[rows])[:, index]
            patients = level.patient[rows]
            part[name] = [np.sort(own[patients == one]).tolist() for one in np.unique(patients)]
        patient = sorted(score for scores in part["patient"] for score in scores)
        result[grade] = {"patient": patient, "image": sorted(part["image"])}
    return result


def least_patients(coverage: float) -> int:
    """Minimum number of calibration patients; with fewer, every set must contain all grades."""
    return math.ceil(coverage / (1 - coverage) - ROUNDING)


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
    reached = np.cumsum(mass[order]) >= (n + 1) * coverage - ROUNDING
    return float(values[order][reached.argmax()]) if reached.any() else math.inf


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of the prediction sets.

    Attributes:
        limits: level (``image`` or ``patient``) → threshold of each grade, float64 [K].
        by_grade: whether each grade has a threshold of its own.
        fallback: why not, although it was asked for.
    """

    limits: dict[ReportedLevel, Floats]
    by_grade: bool = False
    fallback: str = ""


def make_thresholds(
    calibration: ConformalScores,
    by_grade: Mapping[str, ConformalScores] | None,
    classes: Sequence[str],
    coverage: float,
    *,
    ask_by_grade: bool = False,
) -> Thresholds:
    """Thresholds of the sets, by grade if that is asked for and each grade has enough patients.

    Args:
        calibration: result of `true_scores`.
        by_grade: result of `true_scores_by_grade`; None in a run of an earlier version.
        classes: the grades, worst to best.
        coverage: required coverage, 0 to 1.
        ask_by_grade: whether each grade should have a threshold of its own. If a grade has too few patients,
            all grades have the common one, since a mixture of both guarantees nothing.
    """
    common = {name: np.full(len(classes), threshold(calibration[name], coverage)) for name in REPORTED_LEVELS}
    if not ask_by_grade:
        return Thresholds(common)
    if by_grade is None:
        return Thresholds(common, fallback="one threshold for all grades: the run has no scores by grade")
    least = least_patients(coverage)
    counts = {grade: len(by_grade[grade]["patient"]) if grade in by_grade else 0 for grade in classes}
    if few := [f"{grade} {number}" for grade, number in counts.items() if number < least]:
        return Thresholds(
            common,
            fallback=f"one threshold for all grades: {100 * coverage:g} % coverage of each grade needs "
            f"{least} validation patients of each, and there are {', '.join(few)}",
        )
    limits = {
        name: np.array([threshold(by_grade[grade][name], coverage) for grade in classes])
        for name in REPORTED_LEVELS
    }
    return Thresholds(limits, by_grade=True)


def sets(probabilities: npt.ArrayLike, limit: npt.ArrayLike) -> Mask:
    """Grades in each prediction set.

    Args:
        probabilities: of the grades, [..., K].
        limit: result of `threshold`, or that of each grade, [K].

    Returns:
        bool [..., K]: adjacent grades. The most probable grade is always included, so that no set is empty,
        and with thresholds by grade those between two others; this can only raise the coverage.
    """
    given = np.asarray(probabilities, np.float64)
    included = nonconformity(given) <= np.asarray(limit, np.float64)
    np.put_along_axis(included, given.argmax(-1)[..., None], True, -1)
    from_worst = np.logical_or.accumulate(included, -1)
    to_best = np.logical_or.accumulate(included[..., ::-1], -1)[..., ::-1]
    return np.asarray(from_worst & to_best, np.bool_)
