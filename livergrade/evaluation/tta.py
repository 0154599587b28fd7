"""What averaging over turned views of an image buys, read from the views that were graded anyway."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import calibration_metrics, patient_sums
from livergrade.evaluation.estimate import Estimate, estimate
from livergrade.evaluation.levels import Level, aggregate
from livergrade.evaluation.metrics import count_metrics, patient_counts

COUNTS = (1, 2, 4, 12, 36)
METRICS = ("accuracy", "quadratic_kappa", "log_loss")


def even_counts(views: pd.DataFrame) -> dict[int, list[float]]:
    """The numbers of views of `COUNTS`, and all that there are, whose angles lie evenly and are all there.

    Args:
        views: checked predictions, one row a view.

    Returns:
        Number of views → the angles, degrees, as they stand in the table; the first is the least of all.
    """
    shown = views.groupby("angle")["image"].nunique()
    angles = shown.index[shown == views["image"].nunique()].to_numpy(np.float64)
    found = {}
    for count in sorted({*COUNTS, len(angles)} - {0}):
        wanted = angles.min() + 360 / count * np.arange(count) if len(angles) else np.empty(0)
        gaps = np.abs((wanted[:, None] - angles + 180) % 360 - 180)  # [count, angles], around the circle
        if len(wanted) and (gaps.min(1) < 1e-6).all():
            found[count] = [float(angles[place]) for place in gaps.argmin(1)]
    return found


def tta_estimates(test: pd.DataFrame, multiplicities: Floats, ci_unavailable: str) -> list[dict[str, Any]]:
    """Accuracy, kappa and log-loss by patient for each number of views, and what they gain on one view.

    Args:
        test: checked predictions of the test side, one row a view, as the network gave them.
        multiplicities: how often each patient is drawn, float64 [1 + B, P]; row 0 is all ones.
        ci_unavailable: why patients cannot be resampled, if so.

    Returns:
        One entry a number of views, fewest first: ``views``, the figures `METRICS`, and ``difference``, the
        same less those of one view (null for one view). Empty where the images share no angle.
    """
    drawn = {
        count: _resampled(aggregate(test[test["angle"].isin(angles)])["patient"], multiplicities)
        for count, angles in even_counts(test).items()
    }
    patients = multiplicities.shape[1]

    def figure(values: Floats, share: bool) -> Estimate:
        return estimate(
            values,
            patients,
            patients=patients if share else 0,
            independent=share,
            ci_unavailable=ci_unavailable,
            reason="truth and prediction hold one single grade",
        )

    return [
        {"views": count}
        | {metric: figure(values[metric], metric == "accuracy") for metric in METRICS}
        | {
            "difference": {metric: figure(values[metric] - drawn[1][metric], False) for metric in METRICS}
            if count > 1
            else None
        }
        for count, values in drawn.items()
    ]


def _resampled(level: Level, multiplicities: Floats) -> dict[str, Floats]:
    counted = count_metrics(np.tensordot(multiplicities, patient_counts(level), 1))
    calibrated = calibration_metrics(patient_sums(level.truth, level.scores, level.patient), multiplicities)
    return {metric: (counted | calibrated)[metric] for metric in METRICS}
