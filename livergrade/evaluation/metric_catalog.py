"""Catalogue of metrics: every metric is one entry of :data:`METRICS`.

An entry defines how the metric is computed, its interval, its rows in the report, the model card and the
comparison, and whether models are compared on it; nothing else in the package lists metrics by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.intervals import LEAST, Spread, pseudo_patients
from livergrade.evaluation.levels import Level
from livergrade.evaluation.metrics import mean_of_defined
from livergrade.evaluation.weighted import Weighted


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
        of_rows: whether it is a proportion of rows; proportions of patients get Wilson's interval.
        bounds: lowest and highest value that it can have; None: 0 and the largest distance of two grades.
        kind: what it is a function of, which decides its interval: Student's t for `means` and `slopes`,
            which have no bounds, else a score interval.
        least: patients (of the grade, but for precision) that an interval takes; 0: no interval holds.
        no_interval: why none holds.
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
    bounds: tuple[float, float] | None = (0, 1)
    kind: Literal["counts", "distances", "losses", "means", "ranks", "slopes"] = "counts"
    least: int = LEAST
    no_interval: str = ""
    denominator: Literal["all", "true", "predicted", "others"] = "all"
    undefined: str = "it is not defined for these test {level}s"
    mean_over_grades: bool = False
    short: str = ""
    compared: bool = True
    paired: bool = True

    def limits(self, grades: int) -> tuple[float, float] | None:
        """Lowest and highest value of its interval with so many grades; None: it has none."""
        return None if self.kind in ("means", "slopes") else self.bounds or (0, max(grades - 1, 1))

    def spread(self, independent: bool) -> Spread:
        """Variance that its interval takes with a fixed mix of grades, chosen by simulation.

        Args:
            independent: whether each row is a different patient.
        """
        few_values = independent and self.kind not in ("losses", "means") and self.denominator != "predicted"
        return "larger" if few_values else "within"

    def pseudo(self, independent: bool, patients: int) -> float:
        """Weight of the pseudo-patient in `score_interval`, chosen by simulation (docs/intervals.md).

        Args:
            independent: whether each row is a different patient.
            patients: number of patients.
        """
        if self.kind == "losses":
            return pseudo_patients(1, patients)
        if independent:
            return {"distances": 0.5, "ranks": 1.1}.get(self.kind, 1)
        return pseudo_patients({"distances": 0.35, "ranks": 0.3}.get(self.kind, 0.8), patients)

    def pseudo_difference(self, independent: bool) -> float:
        """Number of pseudo-patients of the interval of a paired difference, chosen by simulation.

        Args:
            independent: whether each row is a different patient.
        """
        if not independent:
            return 0.05
        return 0.1 if self.kind == "ranks" else 0.5


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
        kind="ranks",
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
        kind="ranks",
        least=60,
    ),
    Metric(
        "mcc",
        "Matthews' correlation",
        _counted("mcc"),
        "score",
        undefined="truth or prediction holds one single grade",
        compared=False,
        paired=False,
        bounds=(-1, 1),
    ),
    Metric(
        "quadratic_kappa",
        "Quadratic-weighted kappa",
        _counted("quadratic_kappa"),
        "score",
        undefined="needs test {level}s of at least two grades",
        short="Quadratic kappa",
        bounds=(-1, 1),
        kind="distances",
    ),
    Metric(
        "mean_absolute_error",
        "Mean absolute error, in grades",
        _counted("mean_absolute_error"),
        "score",
        higher_is_better=False,
        short="Mean absolute error, grades",
        bounds=None,
        kind="distances",
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
        bounds=(0, 2),
        kind="losses",
        least=60,
    ),
    Metric(
        "log_loss",
        "Log-loss, natural",
        _calibrated("log_loss"),
        "score",
        higher_is_better=False,
        compared=False,
        paired=False,
        least=0,
        no_interval="no interval is reliable: a few confident errors decide it",
    ),
    Metric(
        "ece",
        "Calibration error (ECE)",
        _calibrated("ece"),
        "score",
        higher_is_better=False,
        paired=False,
        least=0,
        no_interval="no interval is reliable: with few rows it is too high; see the calibration slope",
    ),
    Metric(
        "ece_debiased",
        "Calibration error less chance",
        _calibrated("ece_debiased"),
        "score",
        higher_is_better=False,
        least=0,
        no_interval="no interval is reliable; see the calibration slope",
        undefined="needs two test patients",
        compared=False,
        paired=False,
    ),
    Metric(
        "calibration_slope",
        "Calibration slope, 1 best",
        _calibrated("calibration_slope"),
        "score",
        undefined="the probabilities separate the grades: no finite slope fits",
        kind="slopes",
        least=100,
        compared=False,
        paired=False,
    ),
    Metric(
        "calibration_intercept",
        "Calibration intercept in grades, 0 best",
        _calibrated("calibration_intercept"),
        "score",
        kind="means",
        compared=False,
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
        least=60,
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
        kind="ranks",
    ),
    Metric(
        "average_precision",
        "Average precision",
        lambda sample: sample.average_precision,
        "score",
        per_class=True,
        undefined="needs test {level}s that are {grade} and test {level}s that are not",
        kind="ranks",
        least=60,
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
