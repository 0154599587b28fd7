"""Predictions of one level under several weightings of the patients."""

from __future__ import annotations

from collections.abc import Callable
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

Ranks = Callable[[Level, Floats], Floats]
"""A metric of the order of the rows of a level under each weighting of its patients, float64 [B, K]."""


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
        return self._within_folds(auroc)

    @cached_property
    def average_precision(self) -> Floats:
        """One-vs-rest average precisions, float64 [B, K]."""
        return self._within_folds(average_precision)

    def _within_folds(self, compute: Ranks) -> Floats:
        """A metric that compares scores with one another: computed within each fold, and averaged.

        The networks of two folds differ in the level of their scores, so that a pair of patients of two folds
        tells nothing. A fold weighs as its patients do; one where the metric is undefined is left out.
        """
        if self.level.fold is None:
            return compute(self.level, self.multiplicities)
        total, weight = np.zeros((2, len(self.multiplicities), self.level.scores.shape[1]))
        for patients, level in self.level.folds:
            drawn = self.multiplicities[:, patients]
            values = compute(level, drawn)
            defined = ~np.isnan(values)
            total += np.where(defined, values, 0) * drawn.sum(1, keepdims=True)
            weight += defined * drawn.sum(1, keepdims=True)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / np.where(weight > 0, weight, np.nan), np.float64)

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
