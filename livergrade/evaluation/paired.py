"""Paired comparison of models on the same test patients.

A model may have several trainings (seeds). Each is a table of predictions with every test patient once; in
cross-validation the folds of one seed are joined. The interval of a difference leaves out the same patient
for both models and all their trainings; where there are several, they are a sample as the patients are.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.decision import Compared, Decision, decide
from livergrade.evaluation.estimate import Estimate, paired_difference
from livergrade.evaluation.intervals import LEAST_OF_RANKS, GradeMix, too_few_differ, too_few_patients
from livergrade.evaluation.levels import REPORTED_LEVELS, Level, ReportedLevel, aggregate
from livergrade.evaluation.metric_catalog import Metric, overall
from livergrade.evaluation.paired_tests import (
    McNemar,
    Test,
    mcnemar,
    permutation_test,
    set_holm,
    trainings_test,
)
from livergrade.evaluation.predictions import class_names
from livergrade.evaluation.sample import Sample
from livergrade.evaluation.trainings import Inference, Trainings, of_folds, of_seeds, over_trainings

Tables = Mapping[str, Sequence[pd.DataFrame]]

METRIC = {metric.name: metric for metric in overall()}


class PairedDifference(TypedDict):
    """Difference of two models at one level.

    Attributes:
        difference: metric → the first model's minus the second's, mean over the trainings, with its interval.
        test: test of the accuracy.
        decision: what the accuracies show.
    """

    difference: dict[str, Estimate]
    test: Test
    decision: Decision


class Pair(TypedDict):
    """Comparison of two models on the same test patients.

    Attributes:
        first: name of the first model.
        second: name of the second model.
        about: ``models`` if there are several trainings of each, so that the results hold for further
            trainings; ``trainings`` if there is one of either: two trainings were compared.
        trainings: number of trainings of the first and of the second model.
        mcnemar: McNemar's test by patient.
        image: difference by image.
        patient: difference by patient.
    """

    first: str
    second: str
    about: Literal["models", "trainings"]
    trainings: list[int]
    mcnemar: McNemar
    image: PairedDifference
    patient: PairedDifference


def _paired() -> list[str]:
    """Names of the metrics whose paired difference is reported."""
    return [metric.name for metric in overall() if metric.paired]


def pool_folds(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """Concatenate the folds of one model and seed, so that every patient is tested once.

    Args:
        tables: checked predictions of the test split, one table per fold.
        names: name of each fold, for error messages.

    Returns:
        The rows of all folds; of several with a column ``fold``, the place of the table, by which metrics
        that compare scores with one another are computed within folds.

    Raises:
        UserError: a patient was tested in two folds, or the grades differ.
    """
    if len({tuple(class_names(table)) for table in tables}) > 1:
        raise UserError(f"these folds have different grades: {', '.join(names)}")
    for (first_name, first), (second_name, second) in itertools.combinations(
        zip(names, tables, strict=True), 2
    ):
        if shared := sorted(set(first["patient"]) & set(second["patient"])):
            plural = "s are" if len(shared) > 1 else " is"
            raise UserError(
                f"{first_name} and {second_name}: {len(shared)} test patient{plural} in both, "
                f"as {', '.join(map(str, shared[:3]))}; folds of one split test each patient once. "
                "Run them with the same cohort, split.seed and split.folds."
            )
    if len(tables) == 1:
        return tables[0].reset_index(drop=True)
    return pd.concat([table.assign(fold=number) for number, table in enumerate(tables)], ignore_index=True)


def refuse_different_tests(models: Tables) -> None:
    """Raise if models were not tested on the same images with the same patients and grades.

    Raises:
        UserError: lists each model that differs from the first, and the patients concerned.
    """
    columns = ["image", "patient", "grade"]
    first, *other_names = models
    mismatches = []
    if (
        len(
            {
                frozenset(map(tuple, table[columns].to_numpy()))
                for tables in models.values()
                for table in tables
            }
        )
        == 1
    ):
        return  # then their numbers may differ
    for name in other_names:
        for number, (reference, table) in enumerate(zip(models[first], models[name], strict=True)):
            first_rows, rows = (set(map(tuple, t[columns].to_numpy())) for t in (reference, table))
            if differing := first_rows ^ rows:
                patients = sorted({str(patient) for _, patient, _ in differing})
                listed = ", ".join(patients[:5]) + ", …" * (len(patients) > 5)
                where = f"{name}, repeat {number + 1}"
                mismatches.append(
                    f"{where}: {len(differing)} images of {len(patients)} patients differ ({listed})"
                )
    if mismatches:
        raise UserError(
            f"these were not tested on the same patients as {first}, so they can't be compared with it:\n"
            + "\n".join(f"  {line}" for line in mismatches)
            + "\nGive runs of one cohort, split and seed, or compare them separately."
        )


def compare(
    models: Tables,
    *,
    folds: pd.Series | None = None,
    margin: float = 0.05,
    permutations: int = 10_000,
    seed: int = 0,
    mix: GradeMix = "fixed",
) -> list[Pair]:
    """Compare every pair of models.

    With several trainings of each model, seeds or the folds of a cross-validation, patients and trainings are
    both samples, and the pair is about the models; with one training of each it is about two trainings.

    Args:
        models: model name → its trainings, the folds of a seed joined. The test patients are the same in
            all tables, or they change from table to table in the same way in all models.
        folds: fold in which a patient is tested, by patient, if all tables are of one cross-validation.
        margin: difference in accuracy that does not matter, a share.
        permutations: number of random swaps where there are too many to enumerate.
        seed: seed of the permutation test.
        mix: see `livergrade.evaluation.intervals.Jackknife`.

    Returns:
        One entry per pair, in input order. Differences have score intervals; p values are corrected
        over all pairs (Holm, Scand. J. Stat. 6, 1979). An undefined value is null with its reason.
    """
    rng = np.random.default_rng(seed)
    sample = Sample.of([table for tables in models.values() for table in tables], folds, mix)
    gathered = {name: [aggregate(table) for table in tables] for name, tables in models.items()}
    names = list(itertools.combinations(models, 2))
    by_level = {
        level: _compare_level(level, gathered, sample, (permutations, rng), margin)
        for level in REPORTED_LEVELS
    }
    pairs: list[Pair] = [
        {
            "first": first,
            "second": second,
            "about": "models"
            if _about_models(len(models[first]), len(models[second]), sample)
            else "trainings",
            "trainings": [len(models[name]) * max(sample.folds, 1) for name in (first, second)],
            "mcnemar": mcnemar(gathered[first], gathered[second]),
            "image": image,
            "patient": patient,
        }
        for (first, second), image, patient in zip(names, by_level["image"], by_level["patient"], strict=True)
    ]
    set_holm([pair["mcnemar"] for pair in pairs])
    return pairs


def _about_models(first: int, second: int, sample: Sample) -> bool:
    """Whether there are several trainings of each of two models of so many seeds."""
    return min(first, second) > 1 or (sample.folds > 1 and first == second == 1)


def _compare_level(
    level: ReportedLevel,
    gathered: Mapping[str, Sequence[dict[str, Level]]],
    sample: Sample,
    permuted: tuple[int, np.random.Generator],
    margin: float,
) -> list[PairedDifference]:
    """Compare every pair of models at one level."""
    values = {
        name: [sample.metrics(run[level], run["patient"].names) for run in runs]
        for name, runs in gathered.items()
    }
    tests: list[Test] = []
    found: list[tuple[dict[str, Estimate], Inference | None, tuple[int, int] | None]] = []
    for first, second in itertools.combinations(gathered, 2):
        estimates, inference = {}, None
        differing = _differing(gathered[first], gathered[second], level)
        few = too_few_differ(differing, level)
        for metric in _paired():
            one, other = (np.array([run[metric] for run in values[name]]) for name in (first, second))
            estimates[metric], told = difference(metric, one, other, level, sample, few)
            inference = told if metric == "accuracy" else inference
        about_models = _about_models(len(gathered[first]), len(gathered[second]), sample)
        alike = few and level == "patient" and not about_models
        found.append((estimates, inference, (differing, len(sample.patients)) if alike else None))
        if about_models:
            tests.append(trainings_test(inference))
        else:
            gains = [_correct(gathered[name], level, sample.patients) for name in (first, second)]
            tests.append(permutation_test(gains[0] - gains[1], *permuted))
    set_holm(tests)
    compared = [
        Compared(first, second, estimates["accuracy"]["value"] or 0.0, test["p_holm"], inference, differing)
        for (first, second), (estimates, inference, differing), test in zip(
            itertools.combinations(gathered, 2), found, tests, strict=True
        )
    ]
    return [
        {"difference": estimates, "test": test, "decision": decision}
        for (estimates, _, _), test, decision in zip(found, tests, decide(compared, margin), strict=True)
    ]


def difference(
    metric: str, first: Floats, second: Floats, level: ReportedLevel, sample: Sample, few: str = ""
) -> tuple[Estimate, Inference | None]:
    """Difference of two models in a metric.

    Args:
        metric: its name.
        first: the metric of each training of the first model, from `Sample.metrics`, float64 [S, 1 + P + F].
        second: the same of the second model.
        level: the level.
        sample: the test patients.
        few: reason why too few patients are graded differently for an interval; empty: enough are.
    """
    jackknife, patients = sample.jackknife, len(sample.patients)
    gains = first.mean(0) - second.mean(0)
    by_patient = gains[: 1 + patients]
    seeds = min(len(first), len(second))
    pseudo = METRIC[metric].pseudo_difference(level == "patient") / seeds
    spread = METRIC[metric].spread(level == "patient")
    unavailable = ci_unavailable(METRIC[metric], few, sample.ci_unavailable, patients)
    found = paired_difference(by_patient, patients, jackknife, unavailable, pseudo=pseudo, spread=spread)
    if np.isnan(by_patient[0]):
        return found, None
    trainings: list[Trainings] = []
    if seeds > 1 and sample.same:
        trainings = [of_seeds(values, jackknife, sample.folds) for values in (first, second)]
    elif seeds > 1:  # both models of a seed have its split in common
        trainings = [of_seeds(first - second, jackknife)]
    elif sample.folds > 1 and len(first) == len(second):
        trainings = [of_folds(gains, jackknife, sample.folds)]
    return over_trainings(found, by_patient, trainings, jackknife, spread=spread)


def ci_unavailable(metric: Metric, few: str, few_of_grade: str, patients: int) -> str:
    """Reason why the difference of two models in a metric has no interval; empty if it has one.

    Args:
        metric: the metric.
        few: reason why too few patients are graded differently; empty: enough are.
        few_of_grade: reason why a grade has too few patients; empty: each has enough.
        patients: number of test patients.
    """
    reason = few if metric.of_rows else few_of_grade or few
    return reason or (too_few_patients(patients, least=LEAST_OF_RANKS) if metric.kind == "ranks" else "")


def _correct(repeats: Sequence[dict[str, Level]], level: str, patients: pd.Index[str]) -> Floats:
    """Contribution of each patient to the accuracy, averaged over repeats, float64 [P]."""
    contribution = np.zeros(len(patients))
    for levels in repeats:
        rows, names = levels[level], pd.Index(levels["patient"].names)
        hits = np.bincount(rows.patient, rows.predicted == rows.truth, len(names))
        contribution[patients.get_indexer(names)] += hits / len(rows.truth) / len(repeats)
    return contribution


def _differing(
    first: Sequence[dict[str, Level]], second: Sequence[dict[str, Level]], level: ReportedLevel
) -> int:
    """Number of patients whom two models grade differently, in any pair of trainings and any row."""
    names: set[str] = set()
    for one, other in zip(first, second, strict=False):  # the further trainings of one model have no partner
        rows = one[level]
        differ = rows.predicted != other[level].predicted  # rows of a level are sorted by name
        names |= {one["patient"].names[index] for index in rows.patient[differ]}
    return len(names)
