"""How much too good the best of several models looks, since the patients that measured it chose it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.intervals import GradeMix
from livergrade.evaluation.levels import REPORTED_LEVELS, ReportedLevel, aggregate
from livergrade.evaluation.sample import Sample
from livergrade.evaluation.trainings import Trainings, of_seeds

DRAWS = 10_000


@dataclass(frozen=True)
class Measured:
    """The accuracy of one model.

    Attributes:
        values: its mean over the trainings, then without each patient, float64 [1 + P].
        trainings: how much its trainings differ; None with one training.
    """

    values: Floats
    trainings: Trainings | None


def expected_optimism(models: Sequence[Measured], rng: np.random.Generator) -> float:
    """Expected excess of the best model's measured accuracy over its true one, a share.

    The models' errors of measurement are drawn together, normal, with the covariance that the jackknife of
    patients finds between the models, since they are measured on the same patients, and the variance between
    trainings where there are several. They are added to accuracies that lie closer together than the measured
    ones, by the share of the measured spread that such errors account for; the model that is then the best
    has, on the average, an error above 0: that is the optimism.

    Args:
        models: at least one, measured on the same patients.
        rng: random generator.

    Returns:
        0 for one model.
    """
    if len(models) < 2:
        return 0.0
    values = np.array([model.values for model in models])  # [M, 1 + P]
    patients = values.shape[1] - 1
    apart = values[:, 1:] - values[:, 1:].mean(1, keepdims=True)
    covariance = apart @ apart.T * patients / max(patients - 1, 1)
    for place, model in enumerate(models):
        if model.trainings is not None:
            covariance[place, place] += max(0.0, model.trainings.shown - model.trainings.noise)
    count = len(models)
    centring = np.eye(count) - 1 / count
    noise = float(np.trace(centring @ covariance @ centring)) / (count - 1)
    measured = values[:, 0]
    kept = max(0.0, 1 - noise / max(float(measured.var(ddof=1)), 1e-18))  # share of the spread that is true
    true = measured.mean() + kept**0.5 * (measured - measured.mean())
    errors = rng.multivariate_normal(np.zeros(count), covariance, DRAWS, method="eigh")
    best = (true + errors).argmax(1)
    return float(errors[np.arange(DRAWS), best].mean())


def optimism_of_best(
    models: Mapping[str, Sequence[pd.DataFrame]], *, seed: int = 0, mix: GradeMix = "fixed"
) -> dict[ReportedLevel, float]:
    """Expected optimism of the most accurate of the models, by level, a share.

    Args:
        models: model name → predictions of each training, the folds of a seed joined; tests as for
            `livergrade.evaluation.paired.compare`.
        seed: seed of what is drawn.
        mix: see `livergrade.evaluation.intervals.Jackknife`.
    """
    sample = Sample.of([table for tables in models.values() for table in tables], None, mix)
    gathered = [[aggregate(table) for table in tables] for tables in models.values()]
    found: dict[ReportedLevel, float] = {}
    for level in REPORTED_LEVELS:
        measured = []
        for runs in gathered:
            values = np.array([sample.accuracy(run[level], run["patient"].names) for run in runs])
            several = of_seeds(values, sample.jackknife) if len(values) > 1 else None
            measured.append(Measured(values.mean(0), several))
        found[level] = expected_optimism(measured, np.random.default_rng(seed))
    return found
