"""Calibration of the probabilities: Brier score, log-loss and reliability, as sums over patients.

Each metric is a sum over rows (the calibration error: a sum per bin). A bootstrap over patients therefore
needs one matrix product with the per-patient sums and no pass over the rows.

Shapes: N rows, P patients, K grades, B weightings of the patients.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS = 15
"""Number of equal-width bins of the probability of the predicted grade."""


_SMALLEST = 1e-6  # probability, so that a certain mistake has a finite logit
_NEWTON_STEPS = 60
_STEEPEST = 50.0  # slope beyond which the grades count as separated


class ReliabilityBin(TypedDict):
    """One bin of the reliability diagram.

    Attributes:
        low: lower bound of the probability of the predicted grade.
        high: upper bound of that probability.
        n: rows whose probability is in the bin.
        confidence: mean of that probability over these rows; null in an empty bin.
        accuracy: share of these rows that are graded correctly; null in an empty bin.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def patient_sums(truth: Ints, scores: Floats, patient: Ints) -> dict[str, Floats]:
    """Contribution of each patient's rows to the metrics.

    Args:
        truth: True grade index, int64 [N].
        scores: Probability of each grade, float64 [N, K].
        patient: Patient index, int64 [N], contiguous from 0.

    Returns:
        ``rows`` [P]; ``brier`` [P], squared errors summed over the grades (Brier, Mon. Weather Rev. 78,
        1950); ``log_loss`` [P], natural logarithm, probabilities clipped at 2⁻⁵² as in scikit-learn;
        ``grade_error`` [P], true grades less those that the probabilities expect; and per
        confidence bin ``count``, ``confidence`` and ``right`` [P, BINS].
    """
    rows, patients = np.arange(len(truth)), patient.max() + 1
    confidence = scores.max(1)
    bin_index = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)  # bins are open on the left

    def by_patient(values: Floats) -> Floats:
        return np.asarray(np.bincount(patient, values, patients), np.float64)

    def by_bin(values: Floats) -> Floats:
        cells = np.bincount(patient * BINS + bin_index, values, patients * BINS)
        return np.asarray(cells.reshape(patients, BINS), np.float64)

    errors = ((scores - np.eye(scores.shape[1])[truth]) ** 2).sum(1)
    true_probability = np.clip(scores[rows, truth] / scores.sum(1), np.finfo(np.float64).eps, 1)
    return {
        "rows": by_patient(np.ones(len(truth))),
        "brier": by_patient(errors),
        "log_loss": by_patient(-np.log(true_probability)),
        "grade_error": by_patient(truth - scores @ np.arange(scores.shape[1])),
        "count": by_bin(np.ones(len(truth))),
        "confidence": by_bin(confidence),
        "right": by_bin((scores.argmax(1) == truth).astype(np.float64)),
    }


def calibration_metrics(sums: dict[str, Floats], multiplicities: Floats) -> dict[str, Floats]:
    """Brier score, log-loss, calibration error and intercept under each weighting of the patients.

    The calibration error is the mean over rows of |accuracy − confidence| of the row's bin (Naeini et
    al., AAAI 2015; Guo et al., ICML 2017).

    Args:
        sums: Result of `patient_sums`.
        multiplicities: How often each patient is drawn, float64 [B, P].

    Returns:
        ``brier``, ``log_loss``, ``ece`` and ``calibration_intercept``, float64 [B] each. The last is the mean
        true grade less the mean that the probabilities expect (calibration in the large), in grades.
    """
    rows = multiplicities @ sums["rows"]
    gaps = np.abs(multiplicities @ (sums["right"] - sums["confidence"])).sum(1)
    return {
        "brier": multiplicities @ sums["brier"] / rows,
        "log_loss": multiplicities @ sums["log_loss"] / rows,
        "ece": gaps / rows,
        "calibration_intercept": multiplicities @ sums["grade_error"] / rows,
    }


def debiased_error(sums: dict[str, Floats], multiplicities: Floats) -> Floats:
    """Calibration error less what chance adds to it, as patients are few, float64 [B].

    The square of each bin's gap is too large by the variance of the gap (Kumar et al., NeurIPS 2019), which
    here is that of a sum over patients; a bin whose gap is within it counts as 0.

    Args:
        sums: Result of `patient_sums`.
        multiplicities: How often each patient is drawn, float64 [B, P].
    """
    gaps = sums["right"] - sums["confidence"]
    patients = multiplicities.sum(1)[:, None]
    total = multiplicities @ gaps
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = patients / (patients - 1) * (multiplicities @ gaps**2 - total**2 / patients)
        excess = np.sqrt(np.maximum(total**2 - variance, 0)).sum(1) / (multiplicities @ sums["rows"])
    return np.asarray(np.where(patients[:, 0] > 1, excess, np.nan), np.float64)


def calibration_slope(truth: Ints, scores: Floats, patient: Ints, multiplicities: Floats) -> Floats:
    """Calibration slope: logistic regression of each grade on the logit of its probability.

    All grades are regressed together, each against the rest (Cox, Biometrika 45, 1958). The first weighting
    is fitted; the others are one Newton step from it, as suits the jackknife.

    Args:
        truth: True grade index, int64 [N].
        scores: Probability of each grade, float64 [N, K].
        patient: Patient index, int64 [N], contiguous from 0.
        multiplicities: How often each patient is drawn, float64 [B, P].

    Returns:
        float64 [B]; below 1 is overconfident; NaN where a logit separates the grades from the rest, so that
        no finite slope fits best.
    """
    clipped = np.clip(scores, _SMALLEST, 1 - _SMALLEST)
    logit = np.log(clipped / (1 - clipped))
    right = np.eye(scores.shape[1])[truth]
    fitted, none = np.array([0.0, 1.0]), np.full(len(multiplicities), np.nan)
    for _ in range(_NEWTON_STEPS):
        gradient, hessian = _by_patient(logit, right, patient, fitted)
        step = _newton(gradient, hessian, multiplicities[:1])[0]
        if not np.isfinite(step).all() or abs(fitted[1] + step[1]) > _STEEPEST:
            return none
        fitted = fitted + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    else:
        return none
    gradient, hessian = _by_patient(logit, right, patient, fitted)
    return np.asarray(fitted[1] + _newton(gradient, hessian, multiplicities)[:, 1], np.float64)


def _by_patient(logit: Floats, right: Floats, patient: Ints, fitted: Floats) -> tuple[Floats, Floats]:
    """Gradient [P, 2] and negative Hessian [P, 3] (entries 00, 01, 11) of each patient's log-likelihood."""
    probability = 1 / (1 + np.exp(-np.clip(fitted[0] + fitted[1] * logit, -700, 700)))
    residual, weight = right - probability, probability * (1 - probability)
    columns = (residual, residual * logit, weight, weight * logit, weight * logit**2)
    sums = np.stack([np.bincount(patient, column.sum(1)).astype(np.float64) for column in columns], 1)
    return sums[:, :2], sums[:, 2:]


def _newton(gradient: Floats, hessian: Floats, multiplicities: Floats) -> Floats:
    """Newton step under each weighting, float64 [B, 2]; NaN where there is none."""
    first, second = (multiplicities @ gradient).T
    a, b, c = (multiplicities @ hessian).T
    determinant = a * c - b * b
    with np.errstate(invalid="ignore", divide="ignore"):
        step = np.stack([c * first - b * second, a * second - b * first], 1) / determinant[:, None]
    return np.asarray(np.where(determinant[:, None] > 1e-12, step, np.nan), np.float64)


def reliability(sums: dict[str, Floats]) -> list[ReliabilityBin]:
    """The reliability diagram, one entry per bin, in ascending order of the probability."""
    count, confidence, right = (sums[name].sum(0) for name in ("count", "confidence", "right"))
    return [
        {
            "low": bin_index / BINS,
            "high": (bin_index + 1) / BINS,
            "n": int(count[bin_index]),
            "confidence": float(confidence[bin_index] / count[bin_index]) if count[bin_index] else None,
            "accuracy": float(right[bin_index] / count[bin_index]) if count[bin_index] else None,
        }
        for bin_index in range(BINS)
    ]
