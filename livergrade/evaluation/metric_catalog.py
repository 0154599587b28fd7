"""Catalogue of metrics: every metric is one entry of :data:`METRICS`.

An entry defines how the metric is computed, its interval, its rows in the report, the model card and the
comparison, and whether models are compared on it; nothing else in the package lists metrics by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import calibration_metrics, patient_sums
from livergrade.evaluation.levels import Level
from livergrade.evaluation.metrics import (
    auroc,
    average_precision,
    count_metrics,
    mean_of_defined,
    patient_counts,
)


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
        """Calibration metrics of the probabilities, from `calibration_metrics`."""
        sums = patient_sums(self.level.truth, self.level.scores, self.level.patient)
        return calibration_metrics(sums, self.multiplicities)


@dataclass(frozen=True)
class Metric:
    """Definition of one metric.

    Attributes:
        name: key in ``metrics.json``.
        heading: heading in the report.
        compute: the metric under each weighting: float64 [B], or [B, K] for a per-grade metric; NaN where
            undefined.
        unit: a ``share`` is shown in per cent, a ``score`` with three decimals.
        higher_is_better: direction of the metric.
        per_class: whether it is a per-grade metric.
        of_rows: whether it is a proportion of rows; proportions of few patients get Wilson's interval.
        denominator: rows in the denominator: ``all``, rows whose true grade (``true``) or predicted grade
            (``predicted``) is the grade, or rows with another true grade (``others``).
        undefined: reason given where it is undefined; ``{level}`` and ``{grade}`` are filled in.
        mean_over_grades: whether it is a mean over grades; absent grades are left out, with a note.
        short: heading in the comparison; empty: same as ``heading``.
        compared: whether it is in the metrics table of the comparison.
        paired: whether the difference of each pair of models is reported, with its interval.
    """

    name: str
    heading: str
    compute: Callable[[Weighted], Floats]
    unit: Literal["share", "score"]
    higher_is_better: bool = True
    per_class: bool = False
    of_rows: bool = False
    denominator: Literal["all", "true", "predicted", "others"] = "all"
    undefined: str = "it is not defined for these test {level}s"
    mean_over_grades: bool = False
    short: str = ""
    compared: bool = True
    paired: bool = True


def _counted(name: str) -> Callable[[Weighted], Floats]:
    return lambda sample: sample.counted[name]


def _calibrated(name: str) -> Callable[[Weighted], Floats]:
    return lambda sample: sample.calibrated[name]


METRICS: tuple[Metric, ...] = (
    Metric("accuracy", "Accuracy", _counted("accuracy"), "share", of_rows=True),
    Metric(
        "balanced_accuracy",
        "Balanced accuracy",
        _counted("balanced_accuracy"),
        "share",
        mean_over_grades=True,
    ),
    Metric("macro_f1", "Macro F1", _counted("macro_f1"), "share", mean_over_grades=True),
    Metric(
        "macro_auroc",
        "Macro AUROC, one against the rest",
        lambda sample: mean_of_defined(sample.auroc),
        "score",
        undefined="needs test {level}s of at least two grades",
        mean_over_grades=True,
        short="Macro AUROC",
    ),
    Metric(
        "macro_average_precision",
        "Macro average precision",
        lambda sample: mean_of_defined(sample.average_precision),
        "score",
        undefined="needs test {level}s of at least two grades",
        mean_over_grades=True,
        compared=False,
        paired=False,
    ),
    Metric(
        "mcc",
        "Matthews' correlation",
        _counted("mcc"),
        "score",
        undefined="truth or prediction holds one single grade",
        compared=False,
        paired=False,
    ),
    Metric(
        "quadratic_kappa",
        "Quadratic-weighted kappa",
        _counted("quadratic_kappa"),
        "score",
        undefined="needs test {level}s of at least two grades",
        short="Quadratic kappa",
    ),
    Metric(
        "mean_absolute_error",
        "Mean absolute error, in grades",
        _counted("mean_absolute_error"),
        "score",
        higher_is_better=False,
        short="Mean absolute error, grades",
    ),
    Metric(
        "two_grade_error_rate",
        "Errors of two grades or more",
        _counted("two_grade_error_rate"),
        "share",
        higher_is_better=False,
        of_rows=True,
        undefined="needs at least three grades",
        short="Two-grade errors",
        paired=False,
    ),
    Metric(
        "brier",
        "Brier score, 0 best",
        _calibrated("brier"),
        "score",
        higher_is_better=False,
        short="Brier score",
        paired=False,
    ),
    Metric(
        "log_loss",
        "Log-loss, natural",
        _calibrated("log_loss"),
        "score",
        higher_is_better=False,
        compared=False,
        paired=False,
    ),
    Metric(
        "ece",
        "Calibration error (ECE)",
        _calibrated("ece"),
        "score",
        higher_is_better=False,
        paired=False,
    ),
    Metric(
        "precision",
        "Precision",
        _counted("precision"),
        "share",
        per_class=True,
        of_rows=True,
        denominator="predicted",
        undefined="no test {level} was predicted {grade}",
    ),
    Metric(
        "recall",
        "Recall",
        _counted("recall"),
        "share",
        per_class=True,
        of_rows=True,
        denominator="true",
        undefined="no test {level} is {grade}",
    ),
    Metric(
        "f1",
        "F1",
        _counted("f1"),
        "share",
        per_class=True,
        undefined="no test {level} is {grade} or was predicted {grade}",
    ),
    Metric(
        "specificity",
        "Specificity",
        _counted("specificity"),
        "share",
        per_class=True,
        of_rows=True,
        denominator="others",
        undefined="every test {level} is {grade}",
    ),
    Metric(
        "auroc",
        "AUROC",
        lambda sample: sample.auroc,
        "score",
        per_class=True,
        undefined="needs test {level}s that are {grade} and test {level}s that are not",
    ),
    Metric(
        "average_precision",
        "Average precision",
        lambda sample: sample.average_precision,
        "score",
        per_class=True,
        undefined="needs test {level}s that are {grade} and test {level}s that are not",
    ),
)
"""All metrics, in the order in which they are written and shown."""


def overall() -> list[Metric]:
    """Metrics over all grades."""
    return [metric for metric in METRICS if not metric.per_class]


def per_class() -> list[Metric]:
    """Per-grade metrics."""
    return [metric for metric in METRICS if metric.per_class]


def weighted_metrics(level: Level, multiplicities: npt.ArrayLike) -> dict[str, Floats]:
    """All metrics of a level under each weighting of its patients.

    Args:
        level: N rows of P patients.
        multiplicities: How often each patient is drawn, [B, P]; a row of ones gives the unweighted metrics.

    Returns:
        By name: arrays [B] for overall metrics and [B, K] for per-grade metrics; NaN where undefined.
    """
    sample = Weighted(level, np.asarray(multiplicities, np.float64))
    with np.errstate(invalid="ignore"):
        return {metric.name: metric.compute(sample) for metric in METRICS}
