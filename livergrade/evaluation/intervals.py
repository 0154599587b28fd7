"""Confidence intervals over patients: patient-level bootstrap, and Wilson intervals for proportions."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NotRequired, TypedDict

import numpy as np

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.levels import Level

CONFIDENCE = 0.95

FEW = 5
"""With fewer test patients of a grade, its estimates are reported as unreliable."""


class Interval(TypedDict):
    """The 95 % interval of a metric, or the reason why there is none.

    Attributes:
        low: lower bound; null without an interval.
        high: upper bound; null without an interval.
        method: how the interval was computed.
        reason: why there is no interval.
        undefined_resamples: number of resamples in which the metric was undefined.
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
        resamples: Number of resamples B.
        rng: Random generator.

    Returns:
        How often each patient was drawn, float64 [B, P]; every row keeps the number of patients per grade.
    """
    drawn = np.zeros((resamples, len(grades)))
    for grade in np.unique(grades):
        members = np.flatnonzero(grades == grade)
        drawn[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), resamples)
    return drawn


def wilson(share: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Score interval of a proportion of n independent trials (Wilson, J. Am. Stat. Assoc. 22, 1927).

    Unlike the bootstrap it has a non-zero width at 0 and 1, and its coverage is good for few trials.
    """
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * share * (1 - share) / n + z2**2 / (4 * n**2)) ** 0.5 / (1 + z2 / n)
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def naive_accuracy(level: Level, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """Percentile interval of accuracy if every row were an independent patient (resampled within grade)."""
    correct = level.predicted == level.truth
    n = np.bincount(level.truth)
    share = np.bincount(level.truth, correct) / np.maximum(n, 1)
    drawn = rng.binomial(n, share, (resamples, len(n))).sum(1) / len(correct)
    low, high = percentiles(drawn)
    return low, high


def percentiles(values: Floats) -> tuple[float, float]:
    """Bounds of the percentile interval of resampled values."""
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def ci_unavailable_reason(grades: Ints, classes: Sequence[str]) -> str:
    """Reason why patients cannot be resampled within their grades; empty if they can."""
    single = [
        grade for grade, n in zip(classes, np.bincount(grades, minlength=len(classes)), strict=True) if n == 1
    ]
    return (
        f"one test patient only of {', '.join(single)}: an interval needs 2 of every grade" if single else ""
    )


def confidence_interval(values: Floats, patients: int, independent: bool, ci_unavailable: str) -> Interval:
    """Confidence interval of one metric, or the reason why there is none.

    Args:
        values: The metric, then the metric in each resample, [1 + B].
        patients: Patients in the denominator if the metric is a proportion, else 0.
        independent: Whether each row is a different patient.
        ci_unavailable: Reason why patients cannot be resampled; empty if they can.

    Returns:
        ``low`` and ``high`` with the ``method``, or nulls with the ``reason``.
    """
    draws = values[1:][~np.isnan(values[1:])]
    flat = not len(draws) or np.ptp(draws) < 1e-12  # a percentile interval of zero width claims certainty
    if patients >= 2 and (independent or (flat and not ci_unavailable)):
        low, high = wilson(float(values[0]), patients)
        return {"low": low, "high": high, "method": "Wilson, patients"}
    if ci_unavailable or flat:
        reason = ci_unavailable or "all resamples agree, so the bootstrap gives no interval"
        return {"low": None, "high": None, "reason": reason}
    low, high = percentiles(draws)
    undefined = len(values) - 1 - len(draws)
    interval: Interval = {"low": low, "high": high, "method": "bootstrap of patients"}
    if undefined:
        interval["undefined_resamples"] = undefined
    return interval
