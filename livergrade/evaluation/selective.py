"""What a network gains that may decline to answer: error among the patients it is surest of.

Patients are answered in the order of the probability that their grade was given, the highest first; the risk
is the error rate among those answered (El-Yaniv & Wiener, J. Mach. Learn. Res. 11, 2010). The area under that
curve is the mean risk over all numbers of answered patients (Geifman et al., ICLR 2019): of a random order it
is the error rate.

Shapes: P patients, B weightings of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.estimate import Estimate, estimate
from livergrade.evaluation.intervals import CONFIDENCE, wilson
from livergrade.evaluation.levels import Level

COVERAGES = (1.0, 0.9, 0.8, 0.7)
"""Shares of patients answered, of which the error is told."""


def selective_risks(confidence: Floats, wrong: npt.ArrayLike, multiplicities: npt.ArrayLike) -> Floats:
    """Error rate among the 1, 2, … surest patients, under each weighting.

    Patients of one confidence have no order; their errors count as spread evenly over them, which is the mean
    over all their orders.

    Args:
        confidence: probability of the predicted grade, float64 [P].
        wrong: whether each patient was graded wrongly, [P].
        multiplicities: how often each patient is drawn, whole numbers that add up to the same N in each
            row, [B, P].

    Returns:
        float64 [B, N].
    """
    drawn = np.asarray(multiplicities)
    _, tied = np.unique(-confidence, return_inverse=True)
    member = np.eye(tied.max() + 1)[tied]  # [P, distinct confidences, falling]
    count = drawn @ member
    with np.errstate(invalid="ignore", divide="ignore"):
        error = (drawn * np.asarray(wrong, np.float64)) @ member / count
    rows = np.repeat(error.ravel(), count.ravel().astype(np.int64)).reshape(len(drawn), -1)
    return np.asarray(rows.cumsum(1) / np.arange(1, rows.shape[1] + 1), np.float64)


def risk_coverage(level: Level, multiplicities: Floats, ci_unavailable: str) -> dict[str, Any]:
    """The risk–coverage curve of the test patients, and what is read from it.

    Args:
        level: the patients.
        multiplicities: how often each is drawn, float64 [1 + B, P]; row 0 is all ones.
        ci_unavailable: why patients cannot be resampled, if so.

    Returns:
        ``curve``: for each number answered ``coverage``, ``risk``, and ``low`` and ``high`` over the
        resamples (null where they can't be drawn or all agree); the figures ``aurc``, ``aurc_random`` and
        ``aurc_gain``, random less own; and ``table``: for each of `COVERAGES` the patients ``answered``, the
        ``confidence`` of the least sure of them and the ``error``, a figure with Wilson's interval.
    """
    confidence, wrong = level.scores.max(1), level.predicted != level.truth
    risks = selective_risks(confidence, wrong, multiplicities)
    n = len(wrong)
    ends = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    # Where all resamples agree, the percentiles would claim certainty.
    known = (np.ptp(risks[1:], axis=0) > 1e-12) & (not ci_unavailable)
    bounds = np.quantile(risks[1:], ends, axis=0).tolist()
    low, high = ([end if told else None for end, told in zip(one, known, strict=True)] for one in bounds)

    def figure(values: Floats) -> Estimate:
        return estimate(values, n, ci_unavailable=ci_unavailable)

    own, random = risks.mean(1), risks[:, -1]
    surest = np.sort(confidence)[::-1]
    table = []
    for coverage in COVERAGES:
        answered = math.ceil(n * coverage - 1e-9)
        risk = float(risks[0, answered - 1])
        ends_of_error = dict(zip(("low", "high"), wilson(risk, answered), strict=True))
        error = {"value": risk, **ends_of_error, "n": answered, "method": "Wilson, patients"}
        row = {"coverage": coverage, "answered": answered, "confidence": float(surest[answered - 1])}
        table.append(row | {"error": error})
    return {
        "curve": [
            {"coverage": (place + 1) / n, "risk": float(risk), "low": low[place], "high": high[place]}
            for place, risk in enumerate(risks[0])
        ],
        "aurc": figure(own),
        "aurc_random": figure(random),
        "aurc_gain": figure(random - own),
        "table": table,
    }
