"""Metrics of the runs of an arm: of each model over its trainings, and of each pair of models."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any, TypedDict, cast

import pandas as pd

from livergrade.evaluation.averaged import Averages, averages
from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.intervals import GradeMix
from livergrade.evaluation.leakage import Leakage
from livergrade.evaluation.levels import LevelName, ReportedLevel
from livergrade.evaluation.optimism import optimism_of_best
from livergrade.evaluation.paired import Pair, compare, pool_folds, refuse_different_tests
from livergrade.evaluation.summary import RunMetrics, evaluate
from livergrade.multirun.grouping import Group
from livergrade.multirun.learning_curve import LearningCurve, learning_curve
from livergrade.multirun.one_cohort import refuse_mixed_cohorts
from livergrade.multirun.spellings import refuse_spellings
from livergrade.runs.run import Run


class RunFacts(TypedDict):
    """Facts about the runs of one model.

    Attributes:
        model: name of the network.
        folders: folders of the runs.
        commands: their command lines, without repetitions.
        initialisation: origin of the initial weights.
        parameters: number of parameters of the network; null if not recorded.
        epochs: largest number of epochs.
        minutes: mean duration of a run in minutes; null if not recorded.
    """

    model: str
    folders: list[str]
    commands: list[str]
    initialisation: str
    parameters: int | None
    epochs: int
    minutes: float | None


class ModelMeasures(RunFacts):
    """Facts and metrics of one model.

    Attributes:
        repeats: repeat (its seed) → its metrics, the folds pooled.
        over: each metric as the mean over the seeds, with the interval over patients and trainings; null with
            one seed.
    """

    repeats: dict[str, RunMetrics]
    over: Averages | None


class ArmMeasures(TypedDict):
    """Metrics of an arm, as stored in ``comparison.json``.

    Attributes:
        kind: unit of the split, a key of `KINDS`.
        leakage: the worst leakage of its runs.
        repeats: the repeats (seeds) that all models share.
        models: name → facts and metrics.
        pairs: comparison of each pair of models: over all repeats if every run tested the same images, else
            over the shared ones.
        optimism: by level, how much too high the best model's accuracy is expected to be, a share, because
            it is the best of several; empty if nothing was compared.
        learning_curves: model → its learning curve, of models with several numbers of training patients.
    """

    kind: str
    leakage: Leakage
    repeats: list[str]
    models: dict[str, ModelMeasures]
    pairs: list[Pair]
    optimism: dict[ReportedLevel, float]
    learning_curves: dict[str, LearningCurve]


def pooled_tables(arm: Group) -> dict[str, dict[str, pd.DataFrame]]:
    """Predictions of the test split by model and repeat, the folds joined.

    Raises:
        UserError: an image was tested in two folds.
    """
    return {
        name: {
            repeat: pool_folds([run.tested for run in folds], [str(run.folder) for run in folds])
            for repeat, folds in repeats.items()
        }
        for name, repeats in arm.models.items()
    }


def _folds(arm: Group) -> pd.Series | None:
    """Fold in which each patient is tested, if it is one for all models and seeds of a cross-validation."""
    if arm.kind != "kfold":
        return None
    tested = pd.concat(
        [run.tested.assign(fold=run.config.split.fold)[["patient", "fold"]] for run in arm.runs]
    )
    tested = tested.drop_duplicates()
    return tested.set_index("patient")["fold"] if tested["patient"].is_unique else None


def _compared(
    tables: dict[str, dict[str, pd.DataFrame]],
) -> tuple[list[str], dict[str, list[pd.DataFrame]]]:
    """The repeats that all models share; and of each model the tables that are compared.

    Where every run tested the same images, trainings need not have the same seeds to be compared.
    """
    first, *others = tables.values()
    shared = [repeat for repeat in first if all(repeat in repeats for repeats in others)]
    tests = {
        frozenset(zip(table["image"], table["patient"], table["grade"], strict=True))
        for repeats in tables.values()
        for table in repeats.values()
    }
    if len(tests) == 1:
        return shared, {name: list(repeats.values()) for name, repeats in tables.items()}
    return shared, {name: [repeats[repeat] for repeat in shared] for name, repeats in tables.items()}


def measure(arm: Group, *, resamples: int, permutations: int, seed: int, margin: float = 0.05) -> ArmMeasures:
    """Compute all metrics of an arm, and compare every pair of its models.

    Args:
        arm: the runs.
        resamples: resamples of the naive interval.
        permutations: random swaps of a permutation test.
        seed: seed of both.
        margin: difference in accuracy that does not matter, a share.

    Raises:
        UserError: its runs are of different labels, images or tests, or know a patient by several names.
    """
    refuse_mixed_cohorts(arm.models, external=arm.kind == "external")
    refuse_spellings(folds for repeats in arm.models.values() for folds in repeats.values())
    mix: GradeMix = "random" if arm.kind == "external" else "fixed"
    tables, folds = pooled_tables(arm), _folds(arm)
    shared, compared = _compared(tables)
    pairs: list[Pair] = []
    optimism: dict[ReportedLevel, float] = {}
    if len(compared) > 1 and all(compared.values()):
        refuse_different_tests(compared)
        pairs = compare(compared, folds=folds, margin=margin, permutations=permutations, seed=seed, mix=mix)
        optimism = optimism_of_best(compared, seed=seed, mix=mix)
    leaks = [run.metrics["leakage"] for run in arm.runs]
    worst = max(leaks, key=lambda leak: (leak["leaking"] is not False, leak.get("with_sibling") or 0))
    models: dict[str, ModelMeasures] = {}
    for name, repeats in arm.models.items():
        models[name] = {
            **_run_facts([run for folds_of in repeats.values() for run in folds_of]),
            "repeats": {
                repeat: {**evaluate(table, None, resamples=resamples, seed=seed, mix=mix), "leakage": worst}
                for repeat, table in tables[name].items()
            },
            "over": averages(list(tables[name].values()), folds, mix) if len(repeats) > 1 else None,
        }
    return {
        "kind": arm.kind,
        "leakage": worst,
        "repeats": shared,
        "models": models,
        "pairs": pairs,
        "optimism": optimism,
        "learning_curves": {
            name: learning_curve(sizes, folds, mix, seed) for name, sizes in arm.sizes.items()
        },
    }


def _run_facts(runs: Sequence[Run]) -> RunFacts:
    environments = [run.environment for run in runs]
    seconds = [taken for environment in environments if (taken := environment.get("seconds")) is not None]
    return {
        "model": runs[0].config.model.name,
        "folders": [str(run.folder) for run in runs],
        "commands": list(dict.fromkeys(environment.get("command", "") for environment in environments)),
        "initialisation": "; ".join(
            dict.fromkeys(environment.get("initialisation", "") for environment in environments)
        ),
        "parameters": environments[0].get("parameters"),
        "epochs": max((environment.get("epochs", 0) for environment in environments), default=0),
        "minutes": round(fmean(seconds) / 60, 1) if seconds else None,
    }


def estimate(model: ModelMeasures, level: LevelName, metric: str, grade: str | None = None) -> Estimate:
    """Estimate of one metric of a model over its trainings.

    Returns:
        For one training: its ``value``, ``low``, ``high`` and ``n`` as measured. For several: their mean with
        the interval over patients and trainings, and additionally ``sd`` and ``values`` of several seeds.
    """
    levels: Any = model.get("over") or next(iter(model["repeats"].values()))
    found = levels[level]["per_class"][grade][metric] if grade else levels[level][metric]
    return cast(Estimate, found)


def order(measured: ArmMeasures, level: LevelName) -> list[str]:
    """The models of a measured arm, by descending accuracy."""
    models = measured["models"]
    return sorted(models, key=lambda name: -(estimate(models[name], level, "accuracy")["value"] or 0))


def best_models(measured: ArmMeasures, level: LevelName) -> list[str]:
    """The models of the highest accuracy: more than one if they are tied."""
    accuracies = {
        name: estimate(model, level, "accuracy")["value"] or 0 for name, model in measured["models"].items()
    }
    highest = max(accuracies.values())
    return [name for name, accuracy in accuracies.items() if highest - accuracy < 1e-12]
