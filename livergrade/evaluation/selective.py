"""Selective prediction: error rate among the patients with the most confident predictions.

Patients are accepted in order of the probability of their predicted grade, highest first; the risk is the
error rate among the accepted patients (El-Yaniv & Wiener, J. Mach. Learn. Res. 11, 2010). The area under this
curve is the mean risk over all numbers of accepted patients (Geifman et al., ICLR 2019); for a random order
it equals the error rate.

Shapes: P patients, B weightings of them.
"""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.estimate import Estimate, estimate
from livergrade.evaluation.intervals import CONFIDENCE, wilson
from livergrade.evaluation.levels import Level

COVERAGES = (1.0, 0.9, 0.8, 0.7)
"""Coverages (shares of patients accepted) at which the error is reported."""


class CurvePoint(TypedDict):
    """One point of the risk–coverage curve.

    Attributes:
        coverage: share of the patients that are accepted.
        risk: error rate among them.
        low: lower bound of the risk over the resamples; null if they cannot be drawn or all agree.
        high: upper bound of the risk over the resamples; null if they cannot be drawn or all agree.
    """

    coverage: float
    risk: float
    low: float | None
    high: float | None


class AcceptedError(TypedDict):
    """Error at one of `COVERAGES`.

    Attributes:
        coverage: share of the patients to accept.
        answered: number of patients accepted.
        confidence: lowest probability of the predicted grade among them.
        error: error rate among them with Wilson's interval.
    """

    coverage: float
    answered: int
    confidence: float
    error: Estimate


class RiskCoverage(TypedDict):
    """Selective prediction of the test patients.

    Attributes:
        curve: one point per number of accepted patients.
        aurc: area under the curve.
        aurc_random: the same area if patients are accepted in a random order.
        aurc_gain: aurc_random − aurc.
        table: the errors at `COVERAGES`.
    """

    curve: list[CurvePoint]
    aurc: Estimate
    aurc_random: Estimate
    aurc_gain: Estimate
    table: list[AcceptedError]


def selective_risks(confidence: Floats, wrong: npt.ArrayLike, multiplicities: npt.ArrayLike) -> Floats:
    """Error rate among the 1, 2, … most confident patients, under each weighting.

    Patients with equal confidence have no order; their errors are spread evenly over them, which is the mean
    over all orders.

    Args:
        confidence: probability of the predicted grade, float64 [P].
        wrong: whether each patient is misclassified, [P].
        multiplicities: how often each patient is drawn, integers with the same sum N in each row, [B, P].

    Returns:
        float64 [B, N].
    """
    drawn = np.asarray(multiplicities)
    _, tied = np.unique(-confidence, return_inverse=True)
    member = np.eye(tied.max() + 1)[tied]  # [P, distinct confidences, descending]
    count = drawn @ member
    with np.errstate(invalid="ignore", divide="ignore"):
        error = (drawn * np.asarray(wrong, np.float64)) @ member / count
    rows = np.repeat(error.ravel(), count.ravel().astype(np.int64)).reshape(len(drawn), -1)
    return np.asarray(rows.cumsum(1) / np.arange(1, rows.shape[1] + 1), np.float64)


def risk_coverage(level: Level, multiplicities: Floats, ci_unavailable: str) -> RiskCoverage:
    """Risk–coverage curve of the test patients, its area, and a table of errors at some coverages.

    Args:
        level: predictions at patient level.
        multiplicities: how often each patient is drawn, float64 [1 + B, P]; row 0 is all ones.
        ci_unavailable: reason why patients cannot be resampled; empty if they can.
    """
    confidence, wrong = level.scores.max(1), level.predicted != level.truth
    risks = selective_risks(confidence, wrong, multiplicities)
    n = len(wrong)
    levels = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    # If all resamples agree, a percentile interval would claim certainty.
    has_interval = (np.ptp(risks[1:], axis=0) > 1e-12) & (not ci_unavailable)
    bounds = np.quantile(risks[1:], levels, axis=0).tolist()
    low, high = (
        [value if valid else None for value, valid in zip(bound, has_interval, strict=True)]
        for bound in bounds
    )

    def to_estimate(values: Floats) -> Estimate:
        return estimate(values, n, ci_unavailable=ci_unavailable)

    aurc, random = risks.mean(1), risks[:, -1]
    descending = np.sort(confidence)[::-1]
    table: list[AcceptedError] = []
    for coverage in COVERAGES:
        accepted = math.ceil(n * coverage - 1e-9)
        risk = float(risks[0, accepted - 1])
        lowest, highest = wilson(risk, accepted)
        table.append(
            {
                "coverage": coverage,
                "answered": accepted,
                "confidence": float(descending[accepted - 1]),
                "error": {
                    "value": risk,
                    "low": lowest,
                    "high": highest,
                    "n": accepted,
                    "method": "Wilson, patients",
                },
            }
        )
    return {
        "curve": [
            {"coverage": (index + 1) / n, "risk": float(risk), "low": low[index], "high": high[index]}
            for index, risk in enumerate(risks[0])
        ],
        "aurc": to_estimate(aurc),
        "aurc_random": to_estimate(random),
        "aurc_gain": to_estimate(random - aurc),
        "table": table,
    }
