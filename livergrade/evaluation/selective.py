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
from livergrade.evaluation.estimate import Estimate, estimate, paired_difference
from livergrade.evaluation.intervals import LEAST_OF_RANKS, Jackknife, share_of_patients, too_few_patients
from livergrade.evaluation.levels import Level

NO_GAIN_INTERVAL = "no interval is reliable: a few errors decide it"

COVERAGES = (1.0, 0.9, 0.8, 0.7)
"""Coverages (shares of patients accepted) at which the error is reported."""


class CurvePoint(TypedDict):
    """One point of the risk–coverage curve.

    Attributes:
        coverage: share of the patients that are accepted.
        risk: error rate among them.
        low: lower bound of Wilson's interval of the risk; null if too few patients are accepted.
        high: upper bound of that interval; null if too few patients are accepted.
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
        error: error rate among them with Wilson's interval, or the reason for none.
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


def risk_coverage(level: Level, jackknife: Jackknife) -> RiskCoverage:
    """Risk–coverage curve of the test patients, its area, and a table of errors at some coverages.

    Args:
        level: predictions at patient level.
        jackknife: the test patients.
    """
    confidence, wrong = level.scores.max(1), level.predicted != level.truth
    weights = jackknife.multiplicities
    risks = selective_risks(confidence, wrong, weights[:1])[0]
    without = selective_risks(confidence, wrong, weights[1:]) if len(wrong) > 1 else risks[None]
    n = len(wrong)
    descending = np.sort(confidence)[::-1]
    errors = [_accepted_error(float(risk), index + 1) for index, risk in enumerate(risks)]
    table: list[AcceptedError] = []
    for coverage in COVERAGES:
        accepted = math.ceil(n * coverage - 1e-9)
        table.append(
            {
                "coverage": coverage,
                "answered": accepted,
                "confidence": float(descending[accepted - 1]),
                "error": errors[accepted - 1],
            }
        )
    aurc = np.append(risks.mean(), without.mean(1))
    random = np.append(risks[-1], without[:, -1])
    return {
        "curve": [
            {
                "coverage": (index + 1) / n,
                "risk": float(risks[index]),
                "low": error["low"],
                "high": error["high"],
            }
            for index, error in enumerate(errors)
        ],
        "aurc": estimate(
            aurc, n, jackknife, pseudo=1, ci_unavailable=too_few_patients(n, least=LEAST_OF_RANKS)
        ),
        "aurc_random": errors[-1],
        "aurc_gain": paired_difference(random - aurc, n, jackknife, NO_GAIN_INTERVAL),
        "table": table,
    }


def _accepted_error(risk: float, accepted: int) -> Estimate:
    """Error rate among the accepted patients, with Wilson's interval."""
    if reason := too_few_patients(accepted):
        return {"value": risk, "low": None, "high": None, "n": accepted, "reason": reason}
    low, high = share_of_patients(risk, accepted)
    return {"value": risk, "low": low, "high": high, "n": accepted, "method": "Wilson, patients"}
