"""What leakage is worth: the accuracy with a split by image less that with a split by patient, by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import pandas as pd

from livergrade.evaluation.estimate import Estimate, paired_difference
from livergrade.evaluation.levels import LEVELS, LevelName, aggregate
from livergrade.evaluation.sample import Sample
from livergrade.evaluation.trainings import of_seeds, over_trainings
from livergrade.multirun.grouping import Group
from livergrade.multirun.measures import ModelMeasures, estimate, pooled_tables

PSEUDO_PATIENTS = 2


class LeakageGap(TypedDict):
    """Effect of leakage on the accuracy of one model at one level.

    Attributes:
        model: name of the model.
        level: ``view``, ``image`` or ``patient``.
        by_patient: mean accuracy over the seeds with the split by patient.
        by_image: mean accuracy over the seeds with the split by image.
        gap: by_image − by_patient.
        low: lower bound of its 95 % interval; null without one.
        high: upper bound.
        method: how the interval was computed; empty without one.
        reason: why there is no interval; empty with one.
        seeds: seeds that both splits have, over which all of this is the mean; empty if they share none: then
            the means are over all seeds of each.
    """

    model: str
    level: LevelName
    by_patient: float
    by_image: float
    gap: float
    low: float | None
    high: float | None
    method: str
    reason: str
    seeds: list[str]


def leakage_gap(groups: Sequence[Group], measured: Sequence[Mapping[str, ModelMeasures]]) -> list[LeakageGap]:
    """Increase of each model's accuracy when the split is by image instead of by patient.

    The trainings of a seed are a pair. The interval leaves out the same patient on both sides and takes the
    seeds as a sample of more.

    Args:
        groups: the arms.
        measured: the models of each arm, as measured.

    Returns:
        One entry for each model that has both kinds of split, and each level.
    """
    kinds = {group.kind: (group, models) for group, models in zip(groups, measured, strict=True)}
    fair, leaking = kinds.get("patient") or kinds.get("kfold"), kinds.get("image")
    if fair is None or leaking is None:
        return []
    gaps = []
    for name in (name for name in fair[0].models if name in leaking[0].models):
        tables = [pooled_tables(group)[name] for group, _ in (fair, leaking)]
        seeds = [seed for seed in tables[0] if seed in tables[1]]
        if seeds:
            paired = [[by_seed[seed] for seed in seeds] for by_seed in tables]
            gaps += [_gap(name, level, seeds, paired) for level in LEVELS]
        else:
            gaps += [_unpaired(name, level, fair[1][name], leaking[1][name]) for level in LEVELS]
    return gaps


def _gap(
    name: str, level: LevelName, seeds: list[str], tables: Sequence[Sequence[pd.DataFrame]]
) -> LeakageGap:
    """The gap over the seeds; ``tables`` are those of the split by patient and of the split by image."""
    sample = Sample.of([table for by_seed in tables for table in by_seed])
    by_patient, by_image = (
        np.array(
            [
                sample.accuracy(levels[level], levels["patient"].names)
                for levels in (aggregate(table) for table in by_seed)
            ]
        )
        for by_seed in tables
    )
    gains, jackknife = by_image - by_patient, sample.jackknife
    mean = gains.mean(0)
    found = paired_difference(mean, len(sample.patients), jackknife, pseudo=PSEUDO_PATIENTS / len(seeds))
    trainings = [of_seeds(gains, jackknife)] if len(seeds) > 1 else []
    found = over_trainings(found, mean, trainings, jackknife)[0]
    return _row(name, level, (float(by_patient[:, 0].mean()), float(by_image[:, 0].mean())), found, seeds)


def _unpaired(name: str, level: LevelName, fair: ModelMeasures, leaking: ModelMeasures) -> LeakageGap:
    accuracies = [estimate(model, level, "accuracy")["value"] or 0.0 for model in (fair, leaking)]
    reason = "no seed was trained with both splits"
    found: Estimate = {"value": 0.0, "low": None, "high": None, "n": None, "reason": reason}
    return _row(name, level, (accuracies[0], accuracies[1]), found, [])


def _row(
    name: str, level: LevelName, accuracies: tuple[float, float], found: Estimate, seeds: list[str]
) -> LeakageGap:
    return {
        "model": name,
        "level": level,
        "by_patient": accuracies[0],
        "by_image": accuracies[1],
        "gap": accuracies[1] - accuracies[0],
        "low": found["low"],
        "high": found["high"],
        "method": found.get("method", ""),
        "reason": found.get("reason", ""),
        "seeds": seeds,
    }
