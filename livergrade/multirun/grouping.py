"""What several runs say together: repeats gathered, models compared on the same patients, the leak's worth.

Runs fall into arms by the unit of their split, since figures of different test sets are not comparable. In an
arm the folds of one seed are one repeat, in which every patient is tested once; the seeds are the repeats of
a model. Runs of a model that differ in other options count as models of their own, named by what differs.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.estimate import Estimate, undefined
from livergrade.evaluation.levels import LEVELS
from livergrade.evaluation.paired import compare, pool_folds, refuse_different_tests, spread
from livergrade.evaluation.summary import evaluate
from livergrade.runs.run import Run

KINDS = {
    "patient": "split by patient",
    "kfold": "cross-validation by patient",
    "external": "another cohort",
    "image": "split by image",
}

MOST_IN_A_NAME = 3
"""Options that a model's name tells."""


@dataclass(frozen=True)
class Group:
    """Runs whose test sets may be compared.

    Attributes:
        kind: unit of the split, a key of `KINDS`.
        models: name → repeat (its seed) → the runs that make it up, one a fold.
    """

    kind: str
    models: dict[str, dict[str, list[Run]]]

    @property
    def runs(self) -> list[Run]:
        """All its runs."""
        return [run for repeats in self.models.values() for folds in repeats.values() for run in folds]


def arms(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Sort runs into arms, models and repeats.

    Returns:
        The arms in the order of `KINDS`, and a line for each run that is left out: it was run again later, or
        folds are missing beside it.

    Raises:
        UserError: runs have different grades, or nothing is left.
    """
    if len({tuple(run.classes) for run in runs}) > 1:
        lines = [f"  {run.folder}: {', '.join(run.classes)}" for run in runs]
        raise UserError("these runs have different grades, so no figure compares:\n" + "\n".join(lines))
    left_out: list[str] = []
    found = []
    for kind in KINDS:
        models: dict[str, dict[str, list[Run]]] = {}
        these = [run for run in runs if run.config.split.name == kind]
        for name, group in _by_name(these).items():
            for repeat, folds in _by_repeat(group).items():
                kept, lines = _one_a_fold(folds)
                left_out += lines
                if kept:
                    models.setdefault(name, {})[repeat] = kept
        if models:
            found.append(Group(kind, models))
    if not found:
        raise UserError("nothing to compare:\n" + "\n".join(f"  {line}" for line in left_out))
    return found, left_out


def _by_name(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by their model, and by the options in which runs of the same model differ.

    Of more options than a figure has room for `differences` has the table; letters tell the runs apart.
    """
    named: dict[str, list[Run]] = {}
    for model in dict.fromkeys(run.model for run in runs):
        group = [run for run in runs if run.model == model]
        varied = [key for key in group[0].settings if len({str(run.settings[key]) for run in group}) > 1]
        kinds = {run.folder: tuple(f"{key}={run.settings[key]}" for key in varied) for run in group}
        letters = dict(zip(dict.fromkeys(kinds.values()), string.ascii_uppercase, strict=False))
        for run in group:
            kind = kinds[run.folder]
            if len(varied) > MOST_IN_A_NAME and len(set(kinds.values())) <= len(letters):
                name = f"{model} {letters[kind]}"
            else:
                name = ", ".join([model, *kind])
            named.setdefault(name, []).append(run)
    return named


def _by_repeat(runs: Sequence[Run]) -> dict[str, list[Run]]:
    repeats: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.config.seed, run.config.split.seed)):
        seed, split_seed = run.config.seed, run.config.split.seed
        repeats.setdefault(str(seed) if seed == split_seed else f"{seed}, split {split_seed}", []).append(run)
    return repeats


def _one_a_fold(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The latest run of each fold, if every fold is there; and why others are left out."""
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


def measure(arm: Group, *, resamples: int, permutations: int, seed: int) -> dict[str, Any]:
    """Every figure of an arm, and every pair of its models compared.

    Returns:
        Plain values: ``kind``, ``leakage`` (a sentence, and whether any run leaks), ``models`` (name → what
        was run, and ``repeats``: seed → what `livergrade.evaluation.summary.evaluate` returns), ``repeats``
        (the seeds that all models share) and ``pairs`` (what `livergrade.evaluation.paired.compare` returns
        for those).
    """
    tables: dict[str, dict[str, pd.DataFrame]] = {
        name: {
            repeat: pool_folds([run.tested for run in folds], [str(run.folder) for run in folds])
            for repeat, folds in repeats.items()
        }
        for name, repeats in arm.models.items()
    }
    shared = [
        repeat for repeat in next(iter(tables.values())) if all(repeat in found for found in tables.values())
    ]
    same = {name: [found[repeat] for repeat in shared] for name, found in tables.items()}
    pairs: list[dict[str, Any]] = []
    if len(same) > 1 and shared:
        refuse_different_tests(same)
        pairs = compare(same, resamples=resamples, permutations=permutations, seed=seed)
    leaks = [run.metrics["leakage"] for run in arm.runs]
    worst = max(leaks, key=lambda found: (found["leaking"] is not False, found.get("with_sibling") or 0))
    return {
        "kind": arm.kind,
        "leakage": worst,
        "repeats": shared,
        "models": {
            name: _what_was_run([run for folds in repeats.values() for run in folds])
            | {
                "repeats": {
                    repeat: evaluate(table, None, resamples=resamples, seed=seed) | {"leakage": worst}
                    for repeat, table in tables[name].items()
                }
            }
            for name, repeats in arm.models.items()
        },
        "pairs": pairs,
    }


def _what_was_run(runs: Sequence[Run]) -> dict[str, Any]:
    facts = [run.environment for run in runs]
    seconds = [found["seconds"] for found in facts if "seconds" in found]
    return {
        "model": runs[0].config.model.name,
        "folders": [str(run.folder) for run in runs],
        "commands": list(dict.fromkeys(found.get("command", "") for found in facts)),
        "initialisation": "; ".join(dict.fromkeys(found.get("initialisation", "") for found in facts)),
        "parameters": facts[0].get("parameters"),
        "epochs": max((found.get("epochs", 0) for found in facts), default=0),
        "minutes": round(fmean(seconds) / 60, 1) if seconds else None,
    }


def figure(model: dict[str, Any], level: str, metric: str, grade: str | None = None) -> Estimate:
    """One figure of a model over its repeats.

    Returns:
        With one repeat its ``value``, ``low``, ``high`` and ``n`` as measured. With several their mean as
        ``value``, no interval, and ``sd`` and ``values`` beside it; null if any repeat's is undefined.
    """
    found: list[Estimate] = [
        metrics[level]["per_class"][grade][metric] if grade else metrics[level][metric]
        for metrics in model["repeats"].values()
    ]
    if len(found) == 1:
        return found[0]
    values = [one["value"] for one in found if one["value"] is not None]
    n = sum(one["n"] or 0 for one in found)
    if len(values) < len(found):
        return undefined(n, next(one["reason"] for one in found if one["value"] is None))
    over = spread(values)
    return {"value": over["mean"], "low": None, "high": None, "n": n, "sd": over["sd"], "values": values}


def order(measured: dict[str, Any], level: str) -> list[str]:
    """The models of a measured arm, the most accurate first."""
    models = measured["models"]
    return sorted(models, key=lambda name: -(figure(models[name], level, "accuracy")["value"] or 0))


def leakage_gap(measured: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """How much higher each model scores when the split is over images.

    Args:
        measured: what `measure` returned for each arm.

    Returns:
        For each model that has both kinds of split, and each level: the mean ``accuracy`` by patient and by
        image over the repeats, and their difference. No interval: the test sets differ.
    """
    by_kind = {arm["kind"]: arm["models"] for arm in measured}
    honest = by_kind.get("patient") or by_kind.get("kfold") or {}
    leaking = by_kind.get("image", {})
    return [
        {
            "model": name,
            "level": level,
            "by_patient": (fair := figure(honest[name], level, "accuracy")["value"] or 0.0),
            "by_image": (leaky := figure(leaking[name], level, "accuracy")["value"] or 0.0),
            "gap": leaky - fair,
            "repeats": [len(honest[name]["repeats"]), len(leaking[name]["repeats"])],
        }
        for name in honest
        if name in leaking
        for level in LEVELS
    ]


def differences(found: Sequence[Group]) -> dict[str, dict[str, str]]:
    """Options in which models differ beyond the network itself: option → model → value.

    What every model shares is left out.
    """
    by_option: dict[str, dict[str, set[str]]] = {}
    named = [(name, repeats) for arm in found for name, repeats in arm.models.items()]
    for name, repeats in named:
        for run in (run for folds in repeats.values() for run in folds):
            for key, value in run.settings.items():
                if key not in ("model.name", "model.backbone", "split.name"):
                    by_option.setdefault(key, {}).setdefault(name, set()).add(str(value))
    return {
        key: {model: ", ".join(sorted(values)) for model, values in models.items()}
        for key, models in by_option.items()
        if len(Counter(tuple(sorted(values)) for values in models.values())) > 1
    }
