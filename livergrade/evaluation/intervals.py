"""Intervals over patients: the bootstrap that draws whole patients, and Wilson's for shares."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NotRequired, TypedDict

import numpy as np

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.levels import Level

CONFIDENCE = 0.95

FEW = 5
"""Test patients of a grade below which its estimates are called unreliable."""


class Interval(TypedDict):
    """The 95 % interval of a figure, or why it has none.

    Attributes:
        low: lower end; null where there is none.
        high: upper end.
        method: how it was made.
        reason: why there is none.
        undefined_resamples: resamples in which the figure was undefined.
    """

    low: float | None
    high: float | None
    method: NotRequired[str]
    reason: NotRequired[str]
    undefined_resamples: NotRequired[int]


def draw_patients(grades: Ints, resamples: int, rng: np.random.Generator) -> Floats:
    """Draw patients with replacement within each grade.

    Args:
        grades: Grade index of each patient, int64 [P].
        resamples: B.
        rng: Source of randomness.

    Returns:
        How often each patient was drawn, float64 [B, P]; a grade keeps its number of patients in every row.
    """
    drawn = np.zeros((resamples, len(grades)))
    for grade in np.unique(grades):
        members = np.flatnonzero(grades == grade)
        drawn[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), resamples)
    return drawn


def wilson(share: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Score interval of a share of n independent trials (Wilson, J. Am. Stat. Assoc. 22, 1927).

    Unlike the bootstrap it keeps a width at a share of 0 or 1, and its coverage holds for few trials.
    """
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * share * (1 - share) / n + z2**2 / (4 * n**2)) ** 0.5 / (1 + z2 / n)
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def naive_accuracy(level: Level, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """Percentile interval of accuracy if every row were its own patient (rows drawn within each grade)."""
    hit = level.predicted == level.truth
    n = np.bincount(level.truth)
    share = np.bincount(level.truth, hit) / np.maximum(n, 1)
    drawn = rng.binomial(n, share, (resamples, len(n))).sum(1) / len(hit)
    low, high = percentiles(drawn)
    return low, high


def percentiles(values: Floats) -> tuple[float, float]:
    """The ends of the percentile interval of resampled figures."""
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def ci_unavailable_reason(grades: Ints, classes: Sequence[str]) -> str:
    """Why patients cannot be resampled within their grades; empty where they can."""
    lone = [
        grade for grade, n in zip(classes, np.bincount(grades, minlength=len(classes)), strict=True) if n == 1
    ]
    return f"one test patient only of {', '.join(lone)}: an interval needs 2 of every grade" if lone else ""


def confidence_interval(values: Floats, patients: int, independent: bool, ci_unavailable: str) -> Interval:
    """Interval of one figure, or why it has none.

    Args:
        values: The figure, then the figure in each resample, [1 + B].
        patients: Patients in the denominator if the figure is a share, else 0.
        independent: Whether each row is a patient of its own.
        ci_unavailable: Why patients cannot be resampled, if so.

    Returns:
        ``low`` and ``high`` with the ``method``, or null ones with the ``reason``.
    """
    draws = values[1:][~np.isnan(values[1:])]
    flat = not len(draws) or np.ptp(draws) < 1e-12  # the percentiles would be [1, 1], which claims certainty
    if patients >= 2 and (independent or (flat and not ci_unavailable)):
        low, high = wilson(float(values[0]), patients)
        return {"low": low, "high": high, "method": "Wilson, patients"}
    if ci_unavailable or flat:
        reason = ci_unavailable or "all resamples agree, so the bootstrap gives no interval"
        return {"low": None, "high": None, "reason": reason}
    low, high = percentiles(draws)
    undefined = len(values) - 1 - len(draws)
    found: Interval = {"low": low, "high": high, "method": "bootstrap of patients"}
    if undefined:
        found["undefined_resamples"] = undefined
    return found
