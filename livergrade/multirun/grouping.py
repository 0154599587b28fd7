"""Group runs into repeats, compare models on the same patients, and measure the effect of data leakage.

Runs are grouped into arms by the unit of their split, since metrics of different test sets are not
comparable. Within an arm, the folds of one seed form one repeat, in which every patient is tested once; the
seeds are the repeats of a model. Runs of one model that differ in other options count as separate models,
named by the options that differ.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypedDict

import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.estimate import Estimate, undefined
from livergrade.evaluation.leakage import Leakage
from livergrade.evaluation.levels import LEVELS, LevelName
from livergrade.evaluation.paired import Pair, compare, pool_folds, refuse_different_tests, spread
from livergrade.evaluation.summary import RunMetrics, evaluate
from livergrade.multirun.one_cohort import refuse_mixed_cohorts
from livergrade.multirun.spellings import refuse_spellings
from livergrade.runs.run import Run

KINDS = {
    "patient": "split by patient",
    "kfold": "cross-validation by patient",
    "external": "another cohort",
    "image": "split by image",
}

MAX_OPTIONS_IN_NAME = 3
"""Maximum number of options in a model's name."""


@dataclass(frozen=True)
class Group:
    """Runs whose test sets may be compared.

    Attributes:
        kind: unit of the split, a key of `KINDS`.
        models: name → repeat (its seed) → its runs, one per fold.
    """

    kind: str
    models: dict[str, dict[str, list[Run]]]

    @property
    def runs(self) -> list[Run]:
        """All runs of the group."""
        return [run for repeats in self.models.values() for folds in repeats.values() for run in folds]


def arms(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Group runs into arms, models and repeats.

    Returns:
        The arms in the order of `KINDS`, and one line for each excluded run: it was repeated later,
        or other folds of its repeat are missing.

    Raises:
        UserError: runs have different grades, or no run remains.
    """
    if len({tuple(run.classes) for run in runs}) > 1:
        lines = [f"  {run.folder}: {', '.join(run.classes)}" for run in runs]
        raise UserError(
            "these runs have different grades, so their metrics are not comparable:\n" + "\n".join(lines)
        )
    left_out: list[str] = []
    groups = []
    for kind in KINDS:
        models: dict[str, dict[str, list[Run]]] = {}
        runs_of_kind = [run for run in runs if run.config.split.name == kind]
        for name, group in _by_name(runs_of_kind).items():
            for repeat, folds in _by_repeat(group).items():
                complete, lines = _one_per_fold(folds)
                left_out += lines
                if complete:
                    models.setdefault(name, {})[repeat] = complete
        if models:
            groups.append(Group(kind, models))
    if not groups:
        raise UserError("nothing to compare:\n" + "\n".join(f"  {line}" for line in left_out))
    return groups, left_out


def _by_name(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Group runs by model, and by the options in which runs of the same model differ.

    If more options differ than fit in a figure, letters distinguish the models; `differences` lists them.
    """
    by_name: dict[str, list[Run]] = {}
    for model in dict.fromkeys(run.model for run in runs):
        group = [run for run in runs if run.model == model]
        varied = [key for key in group[0].settings if len({str(run.settings[key]) for run in group}) > 1]
        option_values = {run.folder: tuple(f"{key}={run.settings[key]}" for key in varied) for run in group}
        letters = dict(zip(dict.fromkeys(option_values.values()), string.ascii_uppercase, strict=False))
        for run in group:
            values = option_values[run.folder]
            if len(varied) > MAX_OPTIONS_IN_NAME and len(set(option_values.values())) <= len(letters):
                name = f"{model} {letters[values]}"
            else:
                name = ", ".join([model, *values])
            by_name.setdefault(name, []).append(run)
    return by_name


def _by_repeat(runs: Sequence[Run]) -> dict[str, list[Run]]:
    repeats: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.config.seed, run.config.split.seed)):
        seed, split_seed = run.config.seed, run.config.split.seed
        repeats.setdefault(str(seed) if seed == split_seed else f"{seed}, split {split_seed}", []).append(run)
    return repeats


def _one_per_fold(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The latest run of each fold, if every fold exists; and the reasons why other runs are excluded."""
    latest: dict[int, Run] = {}
    lines = []
    for run in sorted(runs, key=lambda run: (run.folder / "finished.json").stat().st_mtime):
        if earlier := latest.get(run.config.split.fold):
            lines.append(f"{earlier.folder}: run again later, in {run.folder}")
        latest[run.config.split.fold] = run
    split = runs[0].config.split
    missing = set(range(split.folds)) - set(latest) if split.name == "kfold" else set()
    if missing:
        numbers = ", ".join(map(str, sorted(missing)))
        lines += [f"{run.folder}: fold {numbers} of the same seed is missing" for run in latest.values()]
        return [], lines
    return [latest[fold] for fold in sorted(latest)], lines


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
    """

    repeats: dict[str, RunMetrics]


class ArmMeasures(TypedDict):
    """Metrics of an arm, as stored in ``comparison.json``.

    Attributes:
        kind: unit of the split, a key of `KINDS`.
        leakage: the worst leakage of its runs.
        repeats: the repeats (seeds) that all models share.
        models: name → facts and metrics.
        pairs: comparison of each pair of models, over the shared repeats.
    """

    kind: str
    leakage: Leakage
    repeats: list[str]
    models: dict[str, ModelMeasures]
    pairs: list[Pair]


class LeakageGap(TypedDict):
    """Effect of leakage on the accuracy of one model at one level.

    Attributes:
        model: name of the model.
        level: ``view``, ``image`` or ``patient``.
        by_patient: mean accuracy over the repeats with the split by patient.
        by_image: mean accuracy over the repeats with the split by image.
        gap: by_image − by_patient.
        repeats: number of repeats of the split by patient, and of the split by image.
    """

    model: str
    level: LevelName
    by_patient: float
    by_image: float
    gap: float
    repeats: list[int]


def measure(arm: Group, *, resamples: int, permutations: int, seed: int) -> ArmMeasures:
    """Compute all metrics of an arm, and compare every pair of its models.

    Raises:
        UserError: its runs are of different labels, images or tests, or know a patient by several names.
    """
    refuse_mixed_cohorts(arm.models, external=arm.kind == "external")
    refuse_spellings(folds for repeats in arm.models.values() for folds in repeats.values())
    tables: dict[str, dict[str, pd.DataFrame]] = {
        name: {
            repeat: pool_folds([run.tested for run in folds], [str(run.folder) for run in folds])
            for repeat, folds in repeats.items()
        }
        for name, repeats in arm.models.items()
    }
    shared = [
        repeat
        for repeat in next(iter(tables.values()))
        if all(repeat in repeats for repeats in tables.values())
    ]
    shared_tables = {name: [repeats[repeat] for repeat in shared] for name, repeats in tables.items()}
    pairs: list[Pair] = []
    if len(shared_tables) > 1 and shared:
        refuse_different_tests(shared_tables)
        pairs = compare(shared_tables, permutations=permutations, seed=seed)
    leaks = [run.metrics["leakage"] for run in arm.runs]
    worst = max(leaks, key=lambda leak: (leak["leaking"] is not False, leak.get("with_sibling") or 0))
    return {
        "kind": arm.kind,
        "leakage": worst,
        "repeats": shared,
        "models": {
            name: {
                **_run_facts([run for folds in repeats.values() for run in folds]),
                "repeats": {
                    repeat: {**evaluate(table, None, resamples=resamples, seed=seed), "leakage": worst}
                    for repeat, table in tables[name].items()
                },
            }
            for name, repeats in arm.models.items()
        },
        "pairs": pairs,
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
    """Estimate of one metric of a model over its repeats.

    Returns:
        For one repeat: its ``value``, ``low``, ``high`` and ``n`` as measured. For several: their mean as
        ``value``, no interval, and additionally ``sd`` and ``values``; null if undefined in any repeat.
    """
    estimates: list[Estimate] = [
        metrics[level]["per_class"][grade][metric] if grade else metrics[level][metric]
        for metrics in model["repeats"].values()
    ]
    if len(estimates) == 1:
        return estimates[0]
    values = [item["value"] for item in estimates if item["value"] is not None]
    n = sum(item["n"] or 0 for item in estimates)
    if len(values) < len(estimates):
        return undefined(n, next(item["reason"] for item in estimates if item["value"] is None))
    over = spread(values)
    return {"value": over["mean"], "low": None, "high": None, "n": n, "sd": over["sd"], "values": values}


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


def leakage_gap(measured: Sequence[ArmMeasures]) -> list[LeakageGap]:
    """Increase of each model's accuracy when the split is by image instead of by patient.

    Args:
        measured: result of `measure` for each arm.

    Returns:
        One entry for each model that has both kinds of split, and each level. No interval: the test sets
        differ.
    """
    by_kind = {arm["kind"]: arm["models"] for arm in measured}
    honest = by_kind.get("patient") or by_kind.get("kfold") or {}
    leaking = by_kind.get("image", {})
    return [
        {
            "model": name,
            "level": level,
            "by_patient": (fair := estimate(honest[name], level, "accuracy")["value"] or 0.0),
            "by_image": (leaky := estimate(leaking[name], level, "accuracy")["value"] or 0.0),
            "gap": leaky - fair,
            "repeats": [len(honest[name]["repeats"]), len(leaking[name]["repeats"])],
        }
        for name in honest
        if name in leaking
        for level in LEVELS
    ]


def differences(groups: Sequence[Group]) -> dict[str, dict[str, str]]:
    """Options in which models differ besides the network itself: option → model → value.

    Options that all models share are omitted.
    """
    by_option: dict[str, dict[str, set[str]]] = {}
    models_of_all_arms = [(name, repeats) for arm in groups for name, repeats in arm.models.items()]
    for name, repeats in models_of_all_arms:
        for run in (run for folds in repeats.values() for run in folds):
            for key, value in run.settings.items():
                if key not in ("model.name", "model.backbone", "split.name"):
                    by_option.setdefault(key, {}).setdefault(name, set()).add(str(value))
    return {
        key: {model: ", ".join(sorted(values)) for model, values in models.items()}
        for key, models in by_option.items()
        if len(Counter(tuple(sorted(values)) for values in models.values())) > 1
    }
