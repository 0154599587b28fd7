"""A metric value with its confidence interval, or the reason why there is none."""

from __future__ import annotations

from typing import NotRequired, cast

import numpy as np

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.intervals import Interval, confidence_interval


class Estimate(Interval):
    """A metric value as stored in ``metrics.json`` and ``comparison.json``.

    Attributes:
        value: null if undefined; ``reason`` then gives the cause.
        n: rows in the denominator; null if not counted.
        note: grades that a mean leaves out.
        naive_low: of accuracy: lower bound if the grouping by patient is ignored; not to be quoted.
        naive_high: upper bound of the same interval.
        sd: standard deviation over repeats (seeds).
        values: value of each repeat.
    """

    value: float | None
    n: int | None
    note: NotRequired[str]
    naive_low: NotRequired[float]
    naive_high: NotRequired[float]
    sd: NotRequired[float | None]
    values: NotRequired[list[float]]


def undefined(n: int | None, reason: str) -> Estimate:
    """An undefined metric with its reason."""
    return {"value": None, "low": None, "high": None, "n": n, "reason": reason}


def estimate(
    drawn: Floats,
    n: int,
    *,
    patients: int = 0,
    independent: bool = False,
    ci_unavailable: str,
    reason: str = "",
) -> Estimate:
    """A metric value with its confidence interval over patients.

    Args:
        drawn: the metric, then the metric in each resample of the patients, [1 + B].
        n: rows in the denominator.
        patients: patients in the denominator if the metric is a proportion, else 0.
        independent: whether each row is a different patient.
        ci_unavailable: reason why patients cannot be resampled; empty if they can.
        reason: why the metric is undefined, if it is.
    """
    if np.isnan(drawn[0]):
        return undefined(n, reason)
    result = {
        "value": float(drawn[0]),
        "n": n,
        **confidence_interval(drawn, patients, independent, ci_unavailable),
    }
    return cast(Estimate, result)
