"""Uncertainty of what is measured over several trainings: patients and trainings are both samples.

A network that is trained again with another seed is another one. What is said of an architecture or a recipe
must hold for further trainings of it and for further patients. All trainings grade the same patients, so
that both are crossed; the analysis is that of readers who read the same cases (Obuchowski & Rockette, Commun.
Stat. Simul. Comput. 24, 1995), with the trainings as readers within each model, the jackknife of patients for
the variance that patients add, and Satterthwaite's degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.intervals import Jackknife, Spread, t_quantile

CROSSED = "patients and trainings"
"""What is added to the name of an interval's method."""


@dataclass(frozen=True)
class Trainings:
    """The trainings over which a metric is a mean.

    Attributes:
        shown: variance of the mean, as the trainings' values show it.
        noise: share of that which the patients account for: no two trainings err on the same ones.
        freedom: degrees of freedom of ``shown``.
    """

    shown: float
    noise: float
    freedom: int


@dataclass(frozen=True)
class Inference:
    """What tests need of an estimate that is a difference.

    Attributes:
        centre: middle of its interval.
        error: standard error.
        freedom: degrees of freedom.
    """

    centre: float
    error: float
    freedom: float


def of_seeds(values: Floats, jackknife: Jackknife, folds: int = 0) -> Trainings:
    """The trainings of a model that differ in their seed and test the same patients, or not all the same.

    Args:
        values: a metric of each seed, the folds pooled; then without each patient; then without each fold,
            float64 [S, 1 + P + F]; at least two seeds.
        jackknife: the patients.
        folds: number of folds F of a cross-validation that all seeds share; 0: none.
    """
    seeds, patients = len(values), len(jackknife.grades)
    by_patient = _without_gaps(values[:, : 1 + patients])
    apart = by_patient - by_patient.mean(0)
    noise = sum(jackknife.variance(row)[0] for row in apart) / (seeds - 1) / seeds
    if folds < 2:
        return Trainings(float(values[:, 0].var(ddof=1)) / seeds, noise, seeds - 1)
    each = by_fold(values, folds)  # the seeds of a fold differ by their trainings alone
    return Trainings(float(each.var(0, ddof=1).mean()) / folds / seeds, noise, folds * (seeds - 1))


def of_folds(values: Floats, jackknife: Jackknife, folds: int) -> Trainings:
    """The trainings of a cross-validation with one seed, each of which tests other patients.

    Args:
        values: a metric of the pooled folds, then without each patient, then without each fold, float64
            [1 + P + F].
        jackknife: the patients.
        folds: number of folds F, at least 2.
    """
    each = by_fold(values[None], folds)[0]
    noise = jackknife.variance(values[: 1 + len(jackknife.grades)])[0]
    return Trainings(float(each.var(ddof=1)) / folds, noise, folds - 1)


def by_fold(values: Floats, folds: int) -> Floats:
    """What each fold adds to a metric of all folds: the jackknife's pseudo-values, float64 [S, F]."""
    without = np.where(np.isnan(values[:, -folds:]), values[:, :1], values[:, -folds:])
    return np.asarray(folds * values[:, :1] - (folds - 1) * without)


def over_trainings(
    found: Estimate,
    values: Floats,
    trainings: Sequence[Trainings],
    jackknife: Jackknife,
    *,
    bounds: tuple[float, float] | None = None,
    spread: Spread = "larger",
    quantile: float | None = None,
) -> tuple[Estimate, Inference | None]:
    """Widen the interval of a mean over trainings from further patients to further trainings, too.

    The variance is that over patients plus that between trainings, and not less than the trainings show nor
    than the interval over patients stands for, so that it is never narrower than that.

    Args:
        found: the mean with its interval over patients, or the reason for none.
        values: the mean, then the mean without each patient, float64 [1 + P].
        trainings: those of each model that takes part; empty: one training of each, and the interval stays.
        jackknife: the patients.
        bounds: lowest and highest value that the metric can have; None: it has none.
        spread: see `livergrade.evaluation.intervals.Jackknife.variance`.
        quantile: the quantile of the interval over patients; None: Student's t.

    Returns:
        The estimate with its interval, and what a test needs of it; None without an interval.
    """
    value, low, high = found["value"], found["low"], found["high"]
    if value is None or low is None or high is None:
        return found, None
    over_patients, patients_freedom = jackknife.variance(values, spread)
    quantile = quantile or t_quantile(patients_freedom)
    stated = max(((high - low) / 2 / quantile) ** 2, 1e-18)
    if not trainings:
        return found, Inference((low + high) / 2, stated**0.5, patients_freedom)
    shown = sum(one.shown for one in trainings)
    variance = max(stated, shown, over_patients + sum(one.shown - one.noise for one in trainings))
    squares = sum(one.shown**2 / one.freedom for one in trainings)
    squares += (variance - shown) ** 2 / patients_freedom
    freedom = variance**2 / squares
    wider = max(1.0, t_quantile(freedom) / quantile * (variance / stated) ** 0.5)
    low, high = value - wider * (value - low), value + wider * (high - value)
    inference = Inference((low + high) / 2, variance**0.5, freedom)
    if bounds:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    found = found | {"low": low, "high": high, "method": f"{found.get('method', '')}; {CROSSED}"}
    return found, inference


def _without_gaps(values: Floats) -> Floats:
    """A metric that is undefined without a patient counts as unchanged, as in `Jackknife.variance`."""
    return np.where(np.isnan(values), values[:, :1], values)
