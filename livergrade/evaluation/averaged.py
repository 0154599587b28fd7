"""Metrics of a model over several trainings: their mean, its interval and the spread of the trainings."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev
from typing import cast

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.grade_counts import without_patients
from livergrade.evaluation.intervals import GradeMix, Jackknife, Spread, score_interval, wilson
from livergrade.evaluation.levels import LEVELS, Level, LevelName, aggregate
from livergrade.evaluation.metric_catalog import Metric, overall, per_class
from livergrade.evaluation.metric_estimate import denominators, estimate_metric
from livergrade.evaluation.metrics import patient_counts
from livergrade.evaluation.sample import Sample
from livergrade.evaluation.trainings import of_seeds, over_trainings

Averages = dict[LevelName, dict[str, Estimate | dict[str, dict[str, Estimate]]]]
"""By level: an `Estimate` per overall metric, by name, and ``per_class``: grade → its metrics."""


def averages(
    tables: Sequence[pd.DataFrame], folds: pd.Series | None = None, mix: GradeMix = "fixed"
) -> Averages:
    """Every metric of a model as the mean over its trainings.

    The interval takes both the patients and the trainings as samples of more: it is that of the mean over
    patients, widened by what the trainings differ beyond it.

    Args:
        tables: checked predictions of the test split, one table for each of at least two seeds, the folds of
            a seed joined.
        folds: fold in which a patient is tested, by patient, if all tables are of one cross-validation.
        mix: see `livergrade.evaluation.intervals.Jackknife`.

    Returns:
        Estimates, with ``sd`` and ``values`` of the trainings.
    """
    sample = Sample.of(tables, folds, mix)
    levels = [aggregate(table) for table in tables]
    images = pd.concat(tables).drop_duplicates("image")
    of_no_patient = [grade for grade, _ in without_patients(images, sample.classes)]
    found: Averages = {}
    for name in LEVELS:
        rows = [(each[name], each["patient"].names) for each in levels]
        level = _OneLevel(name, rows, sample, of_no_patient if name == "patient" else [])
        found[name] = {metric.name: level.estimate(metric) for metric in overall()} | {
            "per_class": {
                grade: {metric.name: level.estimate(metric, k) for metric in per_class()}
                for k, grade in enumerate(sample.classes)
            }
        }
    return found


class _OneLevel:
    """The trainings of a model at one level."""

    def __init__(
        self,
        name: LevelName,
        rows: Sequence[tuple[Level, list[str]]],
        sample: Sample,
        of_no_patient: list[str],
    ) -> None:
        self.name, self.sample, self.of_no_patient = name, sample, of_no_patient
        self.values = [sample.metrics(level, names) for level, names in rows]
        patients, grades = len(sample.patients), len(sample.classes)
        counts, tested = np.zeros((patients, grades, grades)), np.zeros(patients)
        for level, names in rows:
            place = sample.patients.get_indexer(pd.Index(names))
            counts[place] += patient_counts(level)
            tested[place] += 1
        self.counts = counts / tested[:, None, None]  # of each patient, the mean over its tests

    def estimate(self, metric: Metric, k: int | None = None) -> Estimate:
        """The mean of a metric, of grade k if it is one of a grade."""
        each = np.array([values[metric.name] for values in self.values])
        return averaged_metric(metric, k, self.name, each, self.counts, self.sample, self.of_no_patient)


def averaged_metric(
    metric: Metric,
    k: int | None,
    name: LevelName,
    each: Floats,
    counts: Floats,
    sample: Sample,
    of_no_patient: Sequence[str] = (),
) -> Estimate:
    """One metric as the mean over the trainings of a model.

    Args:
        metric: the metric.
        k: index of the grade if it is a metric of each grade, else None.
        name: the level.
        each: the metric of each training under each weighting, from `Sample.metrics`, float64 [S, 1 + P + F],
            or [S, 1 + P + F, K] of each grade.
        counts: confusion matrix of each patient's rows, mean over the trainings, float64 [P, K, K].
        sample: the test patients.
        of_no_patient: see `livergrade.evaluation.metric_estimate.estimate_metric`.
    """
    independent, patients = name == "patient", len(sample.patients)
    mean = {metric.name: each.mean(0)[: 1 + patients]}
    found = estimate_metric(metric, k, name, counts, sample.classes, sample.jackknife, mean, of_no_patient)
    if found["value"] is None:
        return found
    counted = denominators(metric, k, counts) > 0 if metric.of_rows else np.ones(patients, bool)
    kept = np.concatenate([[True], counted, np.ones(sample.folds, bool)])
    by_training = (each if k is None else each[..., k])[:, kept]
    jackknife = sample.jackknife.among(counted)
    averaged = by_training.mean(0)[: 1 + int(counted.sum())]
    if metric.of_rows and independent and found["low"] is not None:
        found = _of_several_answers(found, averaged, jackknife, metric.spread(independent))
    wide, _ = over_trainings(
        found,
        averaged,
        [of_seeds(by_training, jackknife, sample.folds)],
        jackknife,
        bounds=metric.limits(len(sample.classes)),
        spread=metric.spread(independent),
    )
    values = by_training[:, 0].tolist()
    return cast(Estimate, wide | {"sd": stdev(values), "values": values})


def _of_several_answers(found: Estimate, averaged: Floats, jackknife: Jackknife, spread: Spread) -> Estimate:
    """The interval over patients of a mean of shares of patients.

    Several answers of a patient tell more than one, so that Wilson's interval of as many patients is too
    wide; but none is narrower than that of as many patients who are all right.
    """
    interval = score_interval(averaged, jackknife, spread=spread)
    value, low, high = float(averaged[0]), interval["low"] or 0.0, interval["high"] or 0.0
    wider = max(1.0, (1 - wilson(1.0, len(jackknife.grades))[0]) / (high - low))
    low, high = value - wider * (value - low), value + wider * (high - value)
    beyond = max(0.0, high - 1) + min(0.0, low)
    return cast(Estimate, {**found, **interval, "low": low - beyond, "high": high - beyond})
