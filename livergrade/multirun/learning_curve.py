"""Learning curve: how accuracy and log-loss of a model change with the number of training patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TypedDict, cast

import pandas as pd

from livergrade.evaluation.averaged import averages
from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.intervals import GradeMix
from livergrade.evaluation.levels import REPORTED_LEVELS, ReportedLevel
from livergrade.evaluation.paired import compare, pool_folds, refuse_different_tests
from livergrade.evaluation.summary import evaluate
from livergrade.multirun.train_sizes import Size
from livergrade.reports.format import bounds, number
from livergrade.runs.run import Run

CURVE_METRICS = ("accuracy", "log_loss")

OfSizes = Mapping[Size, Mapping[str, Sequence[Run]]]
"""Of one model: number of training patients → repeat (its seed) → its runs, one per fold."""


class CurvePoint(TypedDict):
    """A model at one number of training patients.

    Attributes:
        patients: mean number of training patients of its runs.
        trainings: number of its repeats.
        image: metric (of `CURVE_METRICS`) → estimate by image, the mean over the repeats.
        patient: the same by patient.
    """

    patients: float
    trainings: int
    image: dict[str, Estimate]
    patient: dict[str, Estimate]


class LearningCurve(TypedDict):
    """Learning curve of one model.

    Attributes:
        points: from the fewest training patients to the most.
        last_step: by level, change of the accuracy over the last step, the most patients less the next fewer
            ones, on the same test patients; null where no repeat was trained at both.
    """

    points: list[CurvePoint]
    last_step: dict[ReportedLevel, Estimate] | None


def learning_curve(sizes: OfSizes, folds: pd.Series | None, mix: GradeMix, seed: int) -> LearningCurve:
    """Measure a model at each of its numbers of training patients.

    Args:
        sizes: its runs at two sizes or more.
        folds: fold in which a patient is tested, if all runs are of one cross-validation.
        mix: see `livergrade.evaluation.intervals.Jackknife`.
        seed: seed of permutations.

    Raises:
        UserError: an image was tested in two folds, or sizes were tested on different patients.
    """
    tables = {
        size: {
            repeat: pool_folds([run.tested for run in runs], [str(run.folder) for run in runs])
            for repeat, runs in repeats.items()
        }
        for size, repeats in sizes.items()
    }
    points = sorted(
        (_point(sizes[size], list(of_size.values()), folds, mix) for size, of_size in tables.items()),
        key=lambda point: point["patients"],
    )
    ranked = sorted(tables, key=lambda size: _train_patients(sizes[size]))
    return {
        "points": points,
        "last_step": _last_step(tables[ranked[-1]], tables[ranked[-2]], folds, mix, seed),
    }


def _train_patients(repeats: Mapping[str, Sequence[Run]]) -> float:
    return fmean(
        run.split.loc[run.split["split"] == "train", "patient"].nunique()
        for runs in repeats.values()
        for run in runs
    )


def _point(
    repeats: Mapping[str, Sequence[Run]],
    tables: Sequence[pd.DataFrame],
    folds: pd.Series | None,
    mix: GradeMix,
) -> CurvePoint:
    measured = (
        averages(tables, folds, mix) if len(tables) > 1 else evaluate(tables[0], None, resamples=1, mix=mix)
    )
    image, patient = (
        {metric: cast(Estimate, cast(dict[str, object], measured[level])[metric]) for metric in CURVE_METRICS}
        for level in REPORTED_LEVELS
    )
    return {
        "patients": _train_patients(repeats),
        "trainings": len(tables),
        "image": image,
        "patient": patient,
    }


def _last_step(
    most: Mapping[str, pd.DataFrame],
    fewer: Mapping[str, pd.DataFrame],
    folds: pd.Series | None,
    mix: GradeMix,
    seed: int,
) -> dict[ReportedLevel, Estimate] | None:
    """Change of the accuracy from the next fewer to the most patients, over the repeats that both have."""
    shared = [repeat for repeat in most if repeat in fewer]
    if not shared:
        return None
    models = {
        name: [tables[repeat] for repeat in shared] for name, tables in (("most", most), ("fewer", fewer))
    }
    refuse_different_tests(models)
    (pair,) = compare(models, folds=folds, permutations=100, seed=seed, mix=mix)
    return {level: pair[level]["difference"]["accuracy"] for level in REPORTED_LEVELS}


def would_more_help(name: str, curve: LearningCurve, level: ReportedLevel) -> str:
    """Whether more patients would help, as far as the last step of the curve can tell, in sentences."""
    fewer, most = curve["points"][-2:]
    step = f"From {fewer['patients']:.0f} to {most['patients']:.0f} training patients"
    if curve["last_step"] is None:
        return f"{name}: {step} nothing was compared: no seed was trained at both."
    accuracy = curve["last_step"][level]
    before, after = (point[level]["log_loss"]["value"] for point in (fewer, most))
    loss = f", the log-loss from {before:.3f} to {after:.3f}" if None not in (before, after) else ""
    alone = " These are single trainings; others may behave differently."
    once = alone if min(fewer["trainings"], most["trainings"]) < 2 else ""
    return (
        f"{name}: {step} the accuracy changed by {_signed(accuracy)} points{loss}. {_answer(accuracy)}{once}"
    )


def _answer(accuracy: Estimate) -> str:
    low, high = accuracy["low"], accuracy["high"]
    if low is None or high is None:
        return "Whether more patients would help is unknown: the change has no interval."
    if low > 0:
        return "The accuracy still rises, so more patients would probably help."
    if high < 0:
        return "The accuracy fell: this model did not profit from the further patients."
    return "The interval contains zero: it does not show whether more patients would help."


def _signed(change: Estimate) -> str:
    if change["value"] is None:
        return "an unknown number of"
    sign = "+" if change["value"] >= 0 else ""
    interval = f" ({bounds(change, 'share')})" if change["low"] is not None else " (no interval)"
    return f"{sign}{number(change['value'], 'share')}{interval}"
