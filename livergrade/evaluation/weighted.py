"""Predictions of one level under several weightings of the patients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import (
    calibration_metrics,
    calibration_slope,
    debiased_error,
    patient_sums,
)
from livergrade.evaluation.levels import Level
from livergrade.evaluation.metrics import auroc, average_precision, count_metrics, patient_counts


@dataclass(frozen=True)
class Weighted:
    """Predictions of one level under several patient weightings; intermediate results are computed once.

    Attributes:
        level: N rows of P patients, K grades.
        multiplicities: weight of each patient, float64 [B, P]; a row of ones gives the unweighted metrics.
    """

    level: Level
    multiplicities: Floats

    @cached_property
    def confusion(self) -> Floats:
        """Confusion matrices, rows are the true grades, float64 [B, K, K]."""
        return np.asarray(np.tensordot(self.multiplicities, patient_counts(self.level), 1), np.float64)

    @cached_property
    def counted(self) -> dict[str, Floats]:
        """Metrics of the confusion matrices, from `count_metrics`."""
        return count_metrics(self.confusion)

    @cached_property
    def auroc(self) -> Floats:
        """One-vs-rest areas under the ROC curve, float64 [B, K]."""
        return auroc(self.level, self.multiplicities)

    @cached_property
    def average_precision(self) -> Floats:
        """One-vs-rest average precisions, float64 [B, K]."""
        return average_precision(self.level, self.multiplicities)

    @cached_property
    def calibrated(self) -> dict[str, Floats]:
        """Calibration metrics of the probabilities, float64 [B] each."""
        level = self.level
        sums = patient_sums(level.truth, level.scores, level.patient)
        slope = calibration_slope(level.truth, level.scores, level.patient, self.multiplicities)
        return calibration_metrics(sums, self.multiplicities) | {
            "ece_debiased": debiased_error(sums, self.multiplicities),
            "calibration_slope": slope,
        }
