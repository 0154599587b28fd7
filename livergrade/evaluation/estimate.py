"""A figure with its interval, or the reason why it has none."""

from __future__ import annotations

from typing import NotRequired, cast

import numpy as np

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.intervals import Interval, confidence_interval


class Estimate(Interval):
    """A figure as ``metrics.json`` and ``comparison.json`` hold it.

    Attributes:
        value: null where it is undefined; then ``reason`` says why.
        n: rows in its denominator; null where nobody counted them.
        note: what a mean leaves out.
        naive_low: of accuracy, what ignoring the patients would claim; not to be quoted.
        naive_high: its other end.
        sd: over repeats (seeds).
        values: of each repeat.
    """

    value: float | None
    n: int | None
    note: NotRequired[str]
    naive_low: NotRequired[float]
    naive_high: NotRequired[float]
    sd: NotRequired[float | None]
    values: NotRequired[list[float]]


def undefined(n: int | None, reason: str) -> Estimate:
    """A figure that has no value, and why."""
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
    """A figure with its interval over patients.

    Args:
        drawn: the figure, then the figure in each resample of the patients, [1 + B].
        n: rows in its denominator.
        patients: patients in the denominator if the figure is a share, else 0.
        independent: whether each row is a patient of its own.
        ci_unavailable: why patients cannot be resampled, if so.
        reason: why the figure is undefined, where it is.
    """
    if np.isnan(drawn[0]):
        return undefined(n, reason)
    found = {
        "value": float(drawn[0]),
        "n": n,
        **confidence_interval(drawn, patients, independent, ci_unavailable),
    }
    return cast(Estimate, found)
