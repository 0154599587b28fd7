"""A metric value with its confidence interval, or the reason why there is none."""

from __future__ import annotations

from typing import NotRequired, cast

import numpy as np

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.intervals import (
    Bools,
    Interval,
    Jackknife,
    Spread,
    difference_interval,
    pseudo_patients,
    score_interval,
    share_of_patients,
    t_interval,
    too_few_patients,
)

UNDEFINED_WITHOUT_ONE = "undefined without one of the patients, so that its variance is unknown"
"""Why a metric that one patient alone defines has no interval."""


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
    values: Floats,
    n: int,
    jackknife: Jackknife,
    *,
    bounds: tuple[float, float] | None = (0, 1),
    patients: Bools | None = None,
    share: bool = False,
    independent: bool = False,
    pseudo: float | None = None,
    spread: Spread = "larger",
    ci_unavailable: str = "",
    reason: str = "",
) -> Estimate:
    """A metric value with its score interval over patients, or the reason for none.

    Args:
        values: the metric, then the metric without each patient, [1 + P].
        n: rows in the denominator.
        jackknife: the test patients.
        bounds: lowest and highest value that the metric can have; None: it has none.
        patients: patients with rows in the denominator, bool [P]; None: all.
        share: whether the metric is a proportion of rows.
        independent: whether each row is a different patient.
        pseudo: weight of the pseudo-patient, see `livergrade.evaluation.intervals.score_interval`; None: that
            of shares of images.
        spread: see `livergrade.evaluation.intervals.Jackknife.variance`.
        ci_unavailable: reason why there is no interval; empty if there is one.
        reason: why the metric is undefined, if it is.
    """
    if np.isnan(values[0]):
        return undefined(n, reason)
    counted = np.ones(len(jackknife.grades), bool) if patients is None else patients
    value = float(values[0])
    ci_unavailable = ci_unavailable or too_few_patients(int(counted.sum()))
    if ci_unavailable:
        return {"value": value, "low": None, "high": None, "n": n, "reason": ci_unavailable}
    if share and independent:
        low, high = share_of_patients(value, n)
        return {"value": value, "n": n, "low": low, "high": high, "method": "Wilson, patients"}
    among = values[np.append(True, counted)]
    if np.isnan(among).any():
        return {"value": value, "low": None, "high": None, "n": n, "reason": UNDEFINED_WITHOUT_ONE}
    rows = n if share else None
    drawn = jackknife.among(counted)
    if pseudo is None:
        pseudo = pseudo_patients(0.8, len(drawn.grades))
    if bounds:
        interval = score_interval(among, drawn, bounds, rows=rows, pseudo=pseudo, spread=spread)
    else:
        interval = t_interval(among, drawn, spread)
    return cast(Estimate, {"value": value, "n": n, **interval})


def paired_difference(
    values: Floats,
    n: int,
    jackknife: Jackknife,
    ci_unavailable: str = "",
    *,
    pseudo: float = 1,
    spread: Spread = "larger",
) -> Estimate:
    """Difference of two models on the same patients with its interval, or the reason for none.

    Args:
        values: the difference, then the difference without each patient, [1 + P].
        n: rows in the denominator.
        jackknife: the test patients.
        ci_unavailable: reason why there is no interval; empty if there is one.
        pseudo: number of pseudo-patients, see `livergrade.evaluation.intervals.difference_interval`; 0 for a
            mean loss, which is rarely the same for any patient.
        spread: see `livergrade.evaluation.intervals.Jackknife.variance`.
    """
    value = float(values[0])
    if np.isnan(value):
        return undefined(n, "undefined for one of the two models")
    ci_unavailable = too_few_patients(len(jackknife.grades)) or ci_unavailable
    if not ci_unavailable and np.isnan(values).any():
        ci_unavailable = UNDEFINED_WITHOUT_ONE
    if not ci_unavailable and not pseudo and np.ptp(values) < 1e-12:
        ci_unavailable = "the difference is the same for every patient"
    if ci_unavailable:
        return {"value": value, "low": None, "high": None, "n": n, "reason": ci_unavailable}
    if pseudo:
        interval = difference_interval(values, jackknife, pseudo, spread)
    else:
        interval = t_interval(values, jackknife, spread)
    return cast(Estimate, {"value": value, "n": n, **interval})
