"""A metric of one level with its interval, chosen by what the metric is a function of."""

from collections.abc import Sequence

import numpy as np

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.estimate import Estimate, estimate
from livergrade.evaluation.intervals import Jackknife, too_few_of_a_grade, too_few_patients
from livergrade.evaluation.metric_catalog import Metric

OF_NO_PATIENT = "{} is no test patient's most frequent grade"
"""Reason why a metric of a grade is undefined."""


def estimate_metric(
    metric: Metric,
    k: int | None,
    name: str,
    counts: Floats,
    classes: list[str],
    jackknife: Jackknife,
    values: dict[str, Floats],
    of_no_patient: Sequence[str] = (),
) -> Estimate:
    """A metric of one level with its interval, or the reason for none.

    Args:
        metric: the metric.
        k: index of the grade if it is a metric of each grade, else None.
        name: the level.
        counts: confusion matrix of each patient's rows, float64 [P, K, K].
        classes: the grades, worst to best.
        jackknife: the test patients.
        values: all metrics of the level at the jackknife's weights, from `weighted_metrics`.
        of_no_patient: grades of test images that are no test patient's most frequent grade.
    """
    true, denominator = counts.sum(2), denominators(metric, k, counts)
    grade, independent = classes[k or 0], name == "patient"
    reason = metric.undefined.format(level=name, grade=grade)
    if k is not None and grade in of_no_patient and metric.denominator != "predicted":
        reason = OF_NO_PATIENT.format(grade)
    pseudo, counted = metric.pseudo(independent, len(true)), denominator > 0
    few = _ci_unavailable(metric, k, classes, jackknife, true)
    of_predicted = metric.denominator == "predicted"
    if of_predicted:
        # Who has such rows is chance: the patients who have none are part of the variance within grades.
        pseudo *= len(true) / max(int(counted.sum()), 1)
        counted, few = counted | True, few or too_few_patients(int(counted.sum()))
    elif k is not None and not metric.of_rows:
        # A metric of one grade rests on the patients of that grade.
        patients = max(int((true[:, k] > 0).sum()), 1)
        pseudo = metric.pseudo(independent, patients) * len(true) / patients
    return estimate(
        values[metric.name] if k is None else values[metric.name][:, k],
        round(denominator.sum()),
        jackknife,
        bounds=metric.limits(len(classes)),
        patients=counted if metric.of_rows else None,
        share=metric.of_rows,
        independent=independent and not of_predicted,
        pseudo=pseudo,
        spread=metric.spread(independent),
        ci_unavailable=few,
        reason=reason,
    )


def denominators(metric: Metric, k: int | None, counts: Floats) -> Floats:
    """Rows of each patient in the denominator of a metric, float64 [P]; arguments as of `estimate_metric`."""
    true, predicted, total = counts.sum(2), counts.sum(1), counts.sum((1, 2))  # [P, K] and [P]
    if metric.denominator == "all":
        return np.asarray(total)
    rows = {"predicted": predicted, "true": true, "others": total[:, None] - true}
    return np.asarray(rows[metric.denominator][:, k or 0])


def _ci_unavailable(
    metric: Metric, k: int | None, classes: list[str], jackknife: Jackknife, true: Floats
) -> str:
    """Reason why a metric, of grade k if it is one of a grade, has no interval; empty if it has one."""
    if not metric.least:
        return metric.no_interval
    if metric.of_rows and metric.denominator != "predicted":
        return ""  # its own denominator decides
    if k is None or metric.denominator == "predicted":  # how many are predicted depends on the network
        few = too_few_patients(len(jackknife.grades), least=metric.least)
    else:
        few = too_few_patients(int((true[:, k] > 0).sum()), f"of {classes[k]}", metric.least)
    return few or ("" if metric.of_rows else too_few_of_a_grade(jackknife.grades, classes))
