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
        and per confidence bin ``count``, ``confidence`` and ``right`` [P, BINS].
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
        "count": by_bin(np.ones(len(truth))),
        "confidence": by_bin(confidence),
        "right": by_bin((scores.argmax(1) == truth).astype(np.float64)),
    }


def calibration_metrics(sums: dict[str, Floats], multiplicities: Floats) -> dict[str, Floats]:
    """Brier score, log-loss and expected calibration error under each weighting of the patients.

    The calibration error is the mean over rows of |accuracy − confidence| of the row's bin (Naeini et
    al., AAAI 2015; Guo et al., ICML 2017).

    Args:
        sums: Result of `patient_sums`.
        multiplicities: How often each patient is drawn, float64 [B, P].

    Returns:
        ``brier``, ``log_loss`` and ``ece``, float64 [B] each.
    """
    rows = multiplicities @ sums["rows"]
    gaps = np.abs(multiplicities @ (sums["right"] - sums["confidence"])).sum(1)
    return {
        "brier": multiplicities @ sums["brier"] / rows,
        "log_loss": multiplicities @ sums["log_loss"] / rows,
        "ece": gaps / rows,
    }


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
