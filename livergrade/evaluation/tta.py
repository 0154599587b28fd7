"""Effect of test-time augmentation (TTA): averaging over rotated views, computed from the graded views."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import calibration_metrics, patient_sums
from livergrade.evaluation.estimate import Estimate, estimate
from livergrade.evaluation.levels import Level, aggregate
from livergrade.evaluation.metrics import count_metrics, patient_counts

COUNTS = (1, 2, 4, 12, 36)
METRICS = ("accuracy", "quadratic_kappa", "log_loss")


class TtaMetrics(TypedDict):
    """The metrics by patient that are reported for each number of views.

    Attributes:
        accuracy: share of the patients graded correctly.
        quadratic_kappa: quadratically weighted kappa, −1 to 1.
        log_loss: log-loss, in nats.
    """

    accuracy: Estimate
    quadratic_kappa: Estimate
    log_loss: Estimate


class TtaEstimates(TtaMetrics):
    """Effect of averaging over a number of evenly spaced views.

    Attributes:
        views: number of views of each image.
        difference: the metrics minus those of one view; null for one view.
    """

    views: int
    difference: TtaMetrics | None


def even_counts(views: pd.DataFrame) -> dict[int, list[float]]:
    """Numbers of evenly spaced views that every image has: those of `COUNTS`, and the number of all views.

    Args:
        views: checked predictions, one row per view.

    Returns:
        Number of views → their angles in degrees, as in the table; the first is the smallest angle.
    """
    images_at_angle = views.groupby("angle")["image"].nunique()
    angles = images_at_angle.index[images_at_angle == views["image"].nunique()].to_numpy(np.float64)
    angles_by_count = {}
    for count in sorted({*COUNTS, len(angles)} - {0}):
        even_angles = angles.min() + 360 / count * np.arange(count) if len(angles) else np.empty(0)
        gaps = np.abs(
            (even_angles[:, None] - angles + 180) % 360 - 180
        )  # [count, angles], distance on the circle
        if len(even_angles) and (gaps.min(1) < 1e-6).all():
            angles_by_count[count] = [float(angles[index]) for index in gaps.argmin(1)]
    return angles_by_count


def tta_estimates(test: pd.DataFrame, multiplicities: Floats, ci_unavailable: str) -> list[TtaEstimates]:
    """Accuracy, kappa and log-loss by patient for each number of views, and the gain over a single view.

    Args:
        test: checked, uncalibrated predictions of the test split, one row per view.
        multiplicities: how often each patient is drawn, float64 [1 + B, P]; row 0 is all ones.
        ci_unavailable: reason why patients cannot be resampled; empty if they can.

    Returns:
        One entry per number of views, ascending. Empty if the images share no angle.
    """
    drawn = {
        count: _resampled(aggregate(test[test["angle"].isin(angles)])["patient"], multiplicities)
        for count, angles in even_counts(test).items()
    }
    patients = multiplicities.shape[1]

    def to_estimate(values: Floats, is_proportion: bool) -> Estimate:
        return estimate(
            values,
            patients,
            patients=patients if is_proportion else 0,
            independent=is_proportion,
            ci_unavailable=ci_unavailable,
            reason="needs test patients of at least two grades",
        )

    def difference(values: dict[str, Floats]) -> TtaMetrics:
        single = drawn[1]
        return {
            "accuracy": to_estimate(values["accuracy"] - single["accuracy"], False),
            "quadratic_kappa": to_estimate(values["quadratic_kappa"] - single["quadratic_kappa"], False),
            "log_loss": to_estimate(values["log_loss"] - single["log_loss"], False),
        }

    return [
        {
            "views": count,
            "accuracy": to_estimate(values["accuracy"], True),
            "quadratic_kappa": to_estimate(values["quadratic_kappa"], False),
            "log_loss": to_estimate(values["log_loss"], False),
            "difference": difference(values) if count > 1 else None,
        }
        for count, values in drawn.items()
    ]


def _resampled(level: Level, multiplicities: Floats) -> dict[str, Floats]:
    counted = count_metrics(np.tensordot(multiplicities, patient_counts(level), 1))
    calibrated = calibration_metrics(patient_sums(level.truth, level.scores, level.patient), multiplicities)
    return {metric: (counted | calibrated)[metric] for metric in METRICS}
