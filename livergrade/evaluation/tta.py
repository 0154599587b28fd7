"""Effect of test-time augmentation (TTA): averaging over rotated views, computed from the graded views."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypedDict

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.estimate import Estimate, estimate, paired_difference
from livergrade.evaluation.intervals import Jackknife, too_few_differ
from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.metric_catalog import overall, weighted_metrics

COUNTS = (1, 2, 4, 12, 36)
METRICS = {metric.name: metric for metric in overall()}


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


def tta_estimates(test: pd.DataFrame, jackknife: Jackknife, ci_unavailable: str) -> list[TtaEstimates]:
    """Accuracy, kappa and log-loss by patient for each number of views, and the gain over a single view.

    Args:
        test: checked, uncalibrated predictions of the test split, one row per view.
        jackknife: the test patients.
        ci_unavailable: reason why kappa and differences have no interval; empty if they have one.

    Returns:
        One entry per number of views, ascending. Empty if the images share no angle.
    """
    levels = {
        count: aggregate(test[test["angle"].isin(angles)])["patient"]
        for count, angles in even_counts(test).items()
    }
    values_of = {count: weighted_metrics(level, jackknife.multiplicities) for count, level in levels.items()}
    patients = len(jackknife.grades)
    differing = {
        count: int((level.predicted != levels[1].predicted).sum()) for count, level in levels.items()
    }

    def to_estimate(values: dict[str, Floats], name: str) -> Estimate:
        metric = METRICS[name]
        return estimate(
            values[name],
            patients,
            jackknife,
            bounds=metric.bounds or (0, 1),
            share=metric.of_rows,
            independent=True,
            pseudo=metric.pseudo(independent=True, patients=patients),
            spread=metric.spread(independent=True),
            ci_unavailable=metric.no_interval or ("" if metric.of_rows else ci_unavailable),
            reason="needs test patients of at least two grades",
        )

    def difference(values: dict[str, Floats], name: str, count: int) -> Estimate:
        unavailable = METRICS[name].no_interval or ci_unavailable
        unavailable = unavailable or too_few_differ(differing[count], "patient")
        return paired_difference(values[name] - values_of[1][name], patients, jackknife, unavailable)

    def all_of(make: Callable[[dict[str, Floats], str], Estimate], values: dict[str, Floats]) -> TtaMetrics:
        return {
            "accuracy": make(values, "accuracy"),
            "quadratic_kappa": make(values, "quadratic_kappa"),
            "log_loss": make(values, "log_loss"),
        }

    return [
        {
            "views": count,
            **all_of(to_estimate, values),
            "difference": all_of(partial(difference, count=count), values) if count > 1 else None,
        }
        for count, values in values_of.items()
    ]
