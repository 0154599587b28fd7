"""``metrics.json``: all metrics of the test split, by level, with interval or the reason for none."""

from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec
import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.calibration import patient_sums, reliability
from livergrade.evaluation.calibration_effect import MeasuredCalibration
from livergrade.evaluation.estimate import Estimate, undefined
from livergrade.evaluation.grade_counts import mixed_grades, without_patients
from livergrade.evaluation.how import FOLDS, How, how_measured
from livergrade.evaluation.intervals import GradeMix, Jackknife, naive_accuracy
from livergrade.evaluation.leakage import Leakage, leakage
from livergrade.evaluation.levels import Level, LevelName, aggregate
from livergrade.evaluation.metric_catalog import Metric, overall, per_class, weighted_metrics
from livergrade.evaluation.metric_estimate import OF_NO_PATIENT, estimate_metric
from livergrade.evaluation.metrics import patient_counts
from livergrade.evaluation.net_benefit import NetBenefit
from livergrade.evaluation.ood import OodEstimates
from livergrade.evaluation.predictions import class_names, validate
from livergrade.evaluation.set_estimates import PredictionSets
from livergrade.evaluation.tta import TtaEstimates
from livergrade.evaluation.uncertainty import Abstention
from livergrade.io.grades import too_many_grades
from livergrade.io.json_files import RESULTS, in_file, read_json

ADDED = ("ece_debiased", "calibration_slope", "calibration_intercept")
"""Metrics that ``metrics.json`` of earlier versions does not have."""

LevelSummary = dict[str, Any]
"""Metrics of one level: an `Estimate` per overall metric, by name; ``per_class`` (grade → its metrics and
``support``), ``confusion`` (rows are the true grades) and ``reliability``."""


class Subgroup(TypedDict):
    """Test results of one group, from `livergrade.evaluation.subgroups.subgroups`.

    Attributes:
        column: extra column of the manifest that defines the group.
        value: its value, as text; ``up to …`` or ``above …`` the median if the column was split there.
        level: ``patient`` if the column is constant within each patient, else ``image``.
        patients: number of test patients in the group.
        images: number of test images in the group.
        accuracy: share of the rows of that level that are graded correctly.
        mean_absolute_error: mean distance of the predicted from the true grade, in grades.
        difference: accuracy of the group minus that of all other test rows; missing in files of earlier
            versions, like the next two.
        p: two-sided p value of the difference; null without an interval.
        p_holm: p value corrected over all groups.
    """

    column: str
    value: str
    level: LevelName
    patients: int
    images: int
    accuracy: Estimate
    mean_absolute_error: Estimate
    difference: NotRequired[Estimate]
    p: NotRequired[float | None]
    p_holm: NotRequired[float | None]


class RunMetrics(TypedDict):
    """Content of ``metrics.json``.

    Attributes:
        classes: the grades, worst to best.
        split: the split that was graded.
        counts: its ``views``, ``images``, ``patients`` and ``mixed_grade_patients``.
        leakage: from `livergrade.evaluation.leakage.leakage`.
        how: methods of metrics and intervals in sentences, and the options of the bootstrap.
        view: metrics by view.
        image: metrics by image.
        patient: metrics by patient.
        subgroups: results by group; missing until they are computed, like all keys below.
        calibration: fitted parameters, and their effect on the test patients.
        conformal: prediction sets, from `livergrade.evaluation.set_estimates.set_estimates`, or a ``reason``.
        abstention: selective prediction, from `livergrade.evaluation.selective.risk_coverage`.
        views: effect of test-time augmentation, from `livergrade.evaluation.tta.tta_estimates`.
        familiarity: OOD detection, from `livergrade.evaluation.ood.ood_estimates`.
        net_benefit: decision curves, from `livergrade.evaluation.net_benefit.decision_curves`; missing in
            files of earlier versions.
    """

    classes: list[str]
    split: str
    counts: dict[str, int]
    leakage: Leakage
    how: How
    view: LevelSummary
    image: LevelSummary
    patient: LevelSummary
    subgroups: NotRequired[list[Subgroup]]
    calibration: NotRequired[MeasuredCalibration]
    conformal: NotRequired[PredictionSets]
    abstention: NotRequired[Abstention]
    views: NotRequired[list[TtaEstimates]]
    familiarity: NotRequired[OodEstimates]
    net_benefit: NotRequired[NetBenefit]


def read_metrics(path: Path) -> RunMetrics:
    """Read a run's ``metrics.json``.

    Raises:
        UserError: the file is missing or damaged.
    """
    metrics = read_json(path, RunMetrics, limit=RESULTS)
    for level in (metrics["view"], metrics["image"], metrics["patient"]):
        for name in ADDED:
            level.setdefault(
                name, undefined(None, "the run was made by an earlier version; evaluate it again")
            )
    in_file(path, _metrics_problems(metrics))
    return metrics


def _metrics_problems(metrics: RunMetrics) -> list[str]:
    """What is missing or out of range among the metrics that tables and pages show."""
    classes = metrics["classes"]
    if len(classes) < 2 or len(set(classes)) != len(classes):
        return ["classes: needs at least two different grades"]
    if problems := too_many_grades(classes):
        return [f"classes: {problems[0]}"]
    names = ("view", "image", "patient")
    problems = [f"counts.{name}s: is missing" for name in names if f"{name}s" not in metrics["counts"]]
    problems += [f"counts.{key}: is negative" for key, number in metrics["counts"].items() if number < 0]
    for name, level in zip(names, (metrics["view"], metrics["image"], metrics["patient"]), strict=True):
        problems += [f"{name}.{problem}" for problem in _level_problems(level, classes)]
    return problems


def _level_problems(level: LevelSummary, classes: list[str]) -> list[str]:
    grades = level.get("per_class")
    if (
        not isinstance(grades, dict)
        or list(grades) != classes
        or not all(isinstance(grade, dict) for grade in grades.values())
    ):
        return ["per_class: has not the grades of classes"]
    named: list[tuple[str, Any, str]] = [
        (metric.name, level.get(metric.name), metric.unit) for metric in overall()
    ]
    for name, grade in grades.items():
        named += [(f"per_class.{name}.{each.name}", grade.get(each.name), each.unit) for each in per_class()]
        named.append((f"per_class.{name}.support", grade.get("support"), ""))
    problems = []
    for key, found, unit in named:
        try:
            value = msgspec.convert(found, Estimate)["value"]
        except msgspec.ValidationError as error:
            problems.append(f"{key}: {error}")
            continue
        if (found["low"] is None) != (found["high"] is None):
            problems.append(f"{key}: has one bound of its interval alone")
        if key == "accuracy" and found["n"] is None:
            problems.append(f"{key}.n: is missing")
        if value is None and (key == "accuracy" or not unit):
            problems.append(f"{key}.value: is missing")
        if unit == "share" and value is not None and not 0 <= value <= 1:
            problems.append(f"{key}.value: {value:g} is not from 0 to 1")
    try:
        counts = msgspec.convert(level.get("confusion"), list[list[int]])
    except msgspec.ValidationError as error:
        return [*problems, f"confusion: {error}"]
    if [len(row) for row in counts] != [len(classes)] * len(classes) or not any(map(any, counts)):
        problems.append("confusion: has not a row and a column for each grade")
    return problems


def evaluate(
    predictions: pd.DataFrame,
    split: pd.DataFrame | None,
    *,
    resamples: int = 2000,
    seed: int = 0,
    mix: GradeMix = "fixed",
) -> RunMetrics:
    """Compute all metrics of the test split, as stored in ``metrics.json``.

    Args:
        predictions: One row per view, from `read_predictions`; only rows of split ``test`` are used.
        split: ``image, patient, grade, split`` and, where known, ``sha256`` of every image of the cohort, or
            None where the training images are unknown.
        resamples: Resamples of the naive interval of the accuracy, at least 1.
        seed: Seed of these resamples.
        mix: Whether the number of test patients of each grade is fixed or another sample would have others.

    Returns:
        Plain Python values.

    Raises:
        UserError: If the predictions are invalid, have no test row, or are not of this split.
        ValueError: If ``resamples`` is below 1.
    """
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    validate(predictions)
    test = predictions[predictions["split"] == "test"]
    if test.empty:
        raise UserError("predictions: no row of split 'test' to score; give split.test_fraction more than 0")
    classes = class_names(predictions)
    levels = aggregate(test)
    grades = levels["patient"].truth
    rng = np.random.default_rng(seed)
    jackknife = Jackknife(grades, mix)
    mixed = len(mixed_grades(test))
    how = how_measured(mixed, resamples, seed, mix)
    of_no_patient = [grade for grade, _ in without_patients(test, classes)]
    by_level = {
        name: _level_estimates(
            name, level, classes, jackknife, (rng, resamples), of_no_patient if name == "patient" else []
        )
        for name, level in levels.items()
    }
    return {
        "classes": classes,
        "split": "test",
        "counts": {f"{name}s": len(level.truth) for name, level in levels.items()}
        | {"mixed_grade_patients": mixed},
        "leakage": leakage(split, test),
        "how": how if levels["patient"].fold is None else {**how, "folds": FOLDS},
        "view": by_level["view"],
        "image": by_level["image"],
        "patient": by_level["patient"],
    }


def _level_estimates(
    name: str,
    level: Level,
    classes: list[str],
    jackknife: Jackknife,
    naive: tuple[np.random.Generator, int],
    of_no_patient: list[str],
) -> LevelSummary:
    """Metrics of one level.

    ``naive`` are generator and number of resamples of the naive interval; ``of_no_patient`` are grades of
    test images that are no test patient's most frequent grade.
    """
    values = weighted_metrics(level, jackknife.multiplicities)
    counts = patient_counts(level)
    true = counts.sum(2)  # [P, K]

    def metric_estimate(metric: Metric, k: int | None = None) -> Estimate:
        return estimate_metric(metric, k, name, counts, classes, jackknife, values, of_no_patient)

    estimates: LevelSummary = {metric.name: metric_estimate(metric) for metric in overall()}
    absent = [
        grade for grade, n in zip(classes, true.sum(0), strict=True) if not n and grade not in of_no_patient
    ]
    left_out = [f"{', '.join(absent)} absent"] * bool(absent) + [
        OF_NO_PATIENT.format(name) for name in of_no_patient
    ]
    for metric in overall():
        if left_out and metric.mean_over_grades:
            note = f"mean over the grades that it is defined for; {'; '.join(left_out)}"
            estimates[metric.name]["note"] = note
    low, high = naive_accuracy(level, naive[1], naive[0])
    estimates["accuracy"] |= {"naive_low": low, "naive_high": high}
    support = [int(n) for n in true.sum(0)]
    by_grade = {
        grade: {metric.name: metric_estimate(metric, k) for metric in per_class()}
        | {"support": {"value": support[k], "low": None, "high": None, "n": support[k]}}
        for k, grade in enumerate(classes)
    }
    return estimates | {
        "per_class": by_grade,
        "confusion": counts.sum(0).astype(int).tolist(),
        "reliability": reliability(patient_sums(level.truth, level.scores, level.patient)),
    }
