"""Sets of grades that hold the true one as often as is asked: conformal prediction, patient by patient.

A grade's score is how little it conforms to what the network says; the set holds the grades that score no
higher than most of the validation patients' true grades did. Which score they must not exceed follows from
the ranks alone, so that the promise holds for any network: of patients that are exchangeable with the
validation ones the set holds the grade of at least the share asked for.

Shapes: N rows, K grades, n calibration patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.estimate import Estimate, estimate, undefined
from livergrade.evaluation.intervals import CONFIDENCE
from livergrade.evaluation.levels import Level

Mask = npt.NDArray[np.bool_]

COVERAGE = 0.9
"""What the report asks for."""

_ROUNDING = 1e-9  # (n + 1) · coverage may miss a whole number by this, and shares their sum


def nonconformity(probabilities: npt.ArrayLike) -> Floats:
    """How little each grade conforms: 1 - the least unimodal function above the probabilities.

    The function is min(max of p up to the grade, max of p from the grade on), so that the grades which score
    up to some bound are neighbours: a set of ordered grades has no gap. Where the probabilities have one peak
    it is the probability itself, whose sets are the smallest on average (Sadinle et al., J. Am. Stat. Assoc.
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


def true_scores(levels: Mapping[str, Level]) -> dict[str, list[Any]]:
    """What a later prediction must be compared with: scores of the true grades, and no names.

    Args:
        levels: what `livergrade.evaluation.levels.aggregate` makes of the validation views.

    Returns:
        ``patient``, the patients' scores, rising; and ``image``, a list of rising scores for each patient, in
        no order that tells who it is.
    """
    patient, image = (
        nonconformity(levels[name].scores)[np.arange(len(levels[name].truth)), levels[name].truth]
        for name in ("patient", "image")
    )
    owner = levels["image"].patient
    by_patient = [np.sort(image[owner == one]).tolist() for one in range(len(patient))]
    return {"patient": np.sort(patient).tolist(), "image": sorted(by_patient)}


def least_patients(coverage: float) -> int:
    """Calibration patients below which every set must hold all grades."""
    return math.ceil(coverage / (1 - coverage) - _ROUNDING)


def threshold(calibration: Sequence[Any], coverage: float) -> float:
    """The score that a grade must not exceed to be in the set.

    Args:
        calibration: of ``true_scores``: one score a patient, or the scores of each patient's images.
        coverage: share asked for, 0 to 1.

    Returns:
        For patients the ⌈(n + 1)·coverage⌉-th lowest score (split conformal prediction: Papadopoulos et al.,
        ECML 2002). For images the like quantile of the mixture in which each patient has mass 1/(n + 1),
        spread evenly over its images (hierarchical conformal prediction: Lee, Barber & Willett,
        arXiv:2306.06342, 2023): the promise is for an image of a new patient. Infinite where there are too
        few patients.
    """
    n = len(calibration)
    groups = [np.atleast_1d(np.asarray(one, np.float64)) for one in calibration]
    if n < least_patients(coverage):
        return math.inf
    values = np.concatenate(groups)
    mass = np.concatenate([np.full(len(one), 1 / len(one)) for one in groups])  # n + 1 in all, with infinity
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(mass[order]) >= (n + 1) * coverage - _ROUNDING
    return float(values[order][reached.argmax()]) if reached.any() else math.inf


def sets(probabilities: npt.ArrayLike, limit: float) -> Mask:
    """The grades of each set.

    Args:
        probabilities: of the grades, [..., K].
        limit: what `threshold` returns.

    Returns:
        bool [..., K]: neighbours, and always the most probable grade, so that no set is empty; that can only
        raise the coverage.
    """
    given = np.asarray(probabilities, np.float64)
    found = nonconformity(given) <= limit
    np.put_along_axis(found, given.argmax(-1)[..., None], True, -1)
    return np.asarray(found, np.bool_)


def set_estimates(
    levels: Mapping[str, Level],
    calibration: Mapping[str, Sequence[Any]],
    multiplicities: Floats,
    ci_unavailable: str,
    *,
    coverage: float = COVERAGE,
) -> dict[str, Any]:
    """What the sets of the test patients and of their images hold.

    At image level each patient weighs the same, since the promise is about an image of a new patient.

    Args:
        levels: of the test side, at the temperature that the calibration scores were made at.
        calibration: what `true_scores` returns.
        multiplicities: how often each test patient is drawn, float64 [1 + B, P]; row 0 is all ones.
        ci_unavailable: why patients cannot be resampled, if so.
        coverage: share asked for.

    Returns:
        ``asked``, ``calibration_patients``, ``least_patients`` and for ``patient`` and ``image`` the
        ``threshold`` and the figures ``covered``, ``size`` (grades in a set), ``single`` (share of sets of
        one grade) and ``single_right`` (share of those that are right), and ``sizes``, how many rows have a
        set of 1, 2, … K grades. ``range`` holds, of the patients, 95 % of the coverages that as many other
        calibration patients would give for all new patients. A null threshold has its ``reason``: each set
        holds all grades.
    """
    from scipy.stats import beta  # slow to import, and grading needs none of it

    n, least = len(calibration["patient"]), least_patients(coverage)
    found: dict[str, Any] = {"asked": coverage, "calibration_patients": n, "least_patients": least}
    for name in ("patient", "image"):
        limit = threshold(calibration[name], coverage)
        found[name] = {"threshold": limit if math.isfinite(limit) else None} | _level_estimates(
            levels[name],
            sets(levels[name].scores, limit),
            multiplicities,
            ci_unavailable,
            independent=name == "patient",
        )
    if n < least:
        found["reason"] = (
            f"{n} validation patients are too few for a promise of {100 * coverage:g} %, which takes "
            f"{least}: each set holds all grades. A higher split.val_fraction sets more patients aside"
        )
    else:
        # The coverage of one calibration set has a beta distribution (Vovk, ACML 2012, proposition 2a).
        rank = math.ceil((n + 1) * coverage - _ROUNDING)
        tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
        found["range"] = [float(beta.ppf(tail, rank, n + 1 - rank)) for tail in tails]
    return found


def _level_estimates(
    level: Level, chosen: Mask, multiplicities: Floats, ci_unavailable: str, *, independent: bool
) -> dict[str, Any]:
    rows = np.bincount(level.patient)
    size = chosen.sum(1)
    single, right = size == 1, chosen[np.arange(len(size)), level.truth]

    def figure(values: npt.NDArray[Any], among: Mask | None = None, *, share: bool = True) -> Estimate:
        """Mean over patients of the mean over their rows, of those ``among`` alone."""
        counted = np.ones(len(size), bool) if among is None else among
        total, of = (np.bincount(level.patient, one) / rows for one in (values * counted, counted))
        n = int(counted.sum())
        if not n:
            return undefined(0, "no set holds one grade alone")
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = (multiplicities @ total) / (multiplicities @ of)
        patients = int((of > 0).sum()) if share else 0
        return estimate(drawn, n, patients=patients, independent=independent, ci_unavailable=ci_unavailable)

    return {
        "covered": figure(right),
        "size": figure(size, share=False),
        "single": figure(single),
        "single_right": figure(right, single),
        "sizes": np.bincount(size, minlength=chosen.shape[1] + 1)[1:].tolist(),
    }
