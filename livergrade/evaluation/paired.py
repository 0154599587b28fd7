"""Paired comparison of models on the same test patients.

A model may have several repeats (seeds). Each repeat is a table of predictions with every test patient once;
in cross-validation the folds of one seed form one repeat. The patient is the unit of every analysis: the
interval of a difference leaves out the same patient for both models and all repeats, and the permutation test
swaps the predictions of the two models for whole patients.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import NotRequired, TypedDict

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.estimate import Estimate, paired_difference
from livergrade.evaluation.intervals import Jackknife, too_few_differ, too_few_of_a_grade
from livergrade.evaluation.levels import Level, ReportedLevel, aggregate, patient_grades
from livergrade.evaluation.metric_catalog import overall, weighted_metrics
from livergrade.evaluation.predictions import class_names

Tables = Mapping[str, Sequence[pd.DataFrame]]

METRIC = {metric.name: metric for metric in overall()}

EXACT = 16
"""With at most this many differing patients the permutation test enumerates all swaps instead of sampling."""


class Spread(TypedDict):
    """A metric over the repeats of a model.

    Attributes:
        mean: mean of the values.
        sd: sample standard deviation (n - 1); null for one value.
        values: value of each repeat.
    """

    mean: float
    sd: float | None
    values: list[float]


class Permutation(TypedDict):
    """Permutation test of the difference in accuracy of two models.

    Attributes:
        p: two-sided p value.
        differing_patients: number of patients to whose accuracy the models contribute differently.
        permutations: number of random swaps; null if all swaps were enumerated.
        p_holm: p value corrected over all pairs; missing until all pairs are tested.
    """

    p: float
    differing_patients: int
    permutations: int | None
    p_holm: NotRequired[float | None]


class McNemar(TypedDict):
    """Exact McNemar test of two models by patient.

    Attributes:
        p: p value; null with several repeats.
        only_first: patients that only the first model grades correctly; null with several repeats.
        only_second: patients that only the second model grades correctly; null with several repeats.
        reason: why there is no test.
        p_holm: p value corrected over all pairs; null without a test; missing until all pairs are tested.
    """

    p: float | None
    only_first: int | None
    only_second: int | None
    reason: NotRequired[str]
    p_holm: NotRequired[float | None]


class PairedDifference(TypedDict):
    """Difference of two models at one level.

    Attributes:
        difference: metric → the first model's minus the second's, mean over the repeats, with its interval.
        permutation: permutation test of the accuracy.
    """

    difference: dict[str, Estimate]
    permutation: Permutation


class Pair(TypedDict):
    """Comparison of two models on the same test patients.

    Attributes:
        first: name of the first model.
        second: name of the second model.
        mcnemar: McNemar's test by patient.
        image: difference by image.
        patient: difference by patient.
    """

    first: str
    second: str
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

    Raises:
        UserError: an image was tested in two folds, or the grades differ.
    """
    if len({tuple(class_names(table)) for table in tables}) > 1:
        raise UserError(f"these folds have different grades: {', '.join(names)}")
    for (first_name, first), (second_name, second) in itertools.combinations(
        zip(names, tables, strict=True), 2
    ):
        if duplicates := sorted(set(first["image"]) & set(second["image"])):
            raise UserError(
                f"{first_name} and {second_name}: {len(duplicates)} test images are in both, "
                f"as {', '.join(duplicates[:3])}; folds of one split test each image once. "
                "Run them with the same cohort, seed and split.folds."
            )
    return pd.concat(tables, ignore_index=True)


def refuse_different_tests(models: Tables) -> None:
    """Raise if models were not tested on the same images with the same patients and grades.

    Raises:
        UserError: lists each model that differs from the first, and the patients concerned.
    """
    columns = ["image", "patient", "grade"]
    first, *other_names = models
    mismatches = []
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


def spread(values: Sequence[float]) -> Spread:
    """Mean, standard deviation and values of a metric over the repeats."""
    return {
        "mean": fmean(values),
        "sd": stdev(values) if len(values) > 1 else None,
        "values": list(values),
    }


def compare(models: Tables, *, permutations: int = 10_000, seed: int = 0) -> list[Pair]:
    """Compare every pair of models.

    Args:
        models: model name → repeats; the same number of repeats and the same test patients for all.
        permutations: number of random swaps where there are too many to enumerate.
        seed: seed of the permutation test.

    Returns:
        One entry per pair, in input order. Differences have score intervals; p values are corrected
        over all pairs (Holm, Scand. J. Stat. 6, 1979). An undefined value is null with its reason.
    """
    rng = np.random.default_rng(seed)
    gathered = {name: [aggregate(table) for table in repeats] for name, repeats in models.items()}
    patients, grades, classes = _patients(next(iter(models.values())))
    jackknife = Jackknife(grades)
    ci_unavailable = too_few_of_a_grade(grades, classes)

    def differences(level: ReportedLevel) -> list[PairedDifference]:
        values = {
            name: _without_each(runs, level, patients, jackknife.multiplicities)
            for name, runs in gathered.items()
        }
        correct = {name: _correct(runs, level, patients) for name, runs in gathered.items()}

        def difference(first: str, second: str) -> dict[str, Estimate]:
            few = too_few_differ(_differing(gathered[first], gathered[second], level), level)
            return {
                metric: paired_difference(
                    values[first][metric] - values[second][metric],
                    len(patients),
                    jackknife,
                    few if metric == "accuracy" else ci_unavailable or few,
                    pseudo=METRIC[metric].pseudo_difference(level == "patient"),
                    spread=METRIC[metric].spread(level == "patient"),
                )
                for metric in _paired()
            }

        return [
            {
                "difference": difference(first, second),
                "permutation": _permutation(correct[first] - correct[second], permutations, rng),
            }
            for first, second in itertools.combinations(models, 2)
        ]

    by_image, by_patient = differences("image"), differences("patient")
    pairs: list[Pair] = [
        {
            "first": first,
            "second": second,
            "mcnemar": _mcnemar(gathered[first], gathered[second]),
            "image": image,
            "patient": patient,
        }
        for (first, second), image, patient in zip(
            itertools.combinations(models, 2), by_image, by_patient, strict=True
        )
    ]
    _correct_all(pairs)
    return pairs


def _patients(tables: Sequence[pd.DataFrame]) -> tuple[pd.Index[str], Ints, list[str]]:
    """Test patients by name, the grade of each, int64 [P], and the names of the grades."""
    images = pd.concat(tables).drop_duplicates("image")
    patients = pd.Index(sorted(images["patient"].unique()))
    grades = patient_grades(
        np.asarray(patients.get_indexer(pd.Index(images["patient"])), np.int64),
        np.asarray(pd.Index(class_names(images)).get_indexer(pd.Index(images["grade"])), np.int64),
        len(class_names(images)),
    )
    return patients, grades, class_names(images)


def _correct_all(pairs: Sequence[Pair]) -> None:
    """Correct the p values of each kind of test over all pairs."""
    _correct_p_values([pair["image"]["permutation"] for pair in pairs])
    _correct_p_values([pair["patient"]["permutation"] for pair in pairs])
    _correct_p_values([pair["mcnemar"] for pair in pairs])


def _correct_p_values(tests: Sequence[Permutation | McNemar]) -> None:
    """Set ``p_holm`` of each test."""
    for test, p in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p_holm"] = p


def _without_each(
    repeats: Sequence[dict[str, Level]], level: str, patients: pd.Index[str], multiplicities: Floats
) -> dict[str, Floats]:
    """Each metric under each weighting of the patients, averaged over repeats, float64 [B] each."""
    by_repeat = [
        weighted_metrics(
            levels[level], multiplicities[:, patients.get_indexer(pd.Index(levels["patient"].names))]
        )
        for levels in repeats
    ]
    return {metric: np.mean([values[metric] for values in by_repeat], axis=0) for metric in _paired()}


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
    """Number of patients whom two models grade differently, in any repeat and in any of their rows."""
    names: set[str] = set()
    for one, other in zip(first, second, strict=True):
        rows = one[level]
        differ = rows.predicted != other[level].predicted  # rows of a level are sorted by name
        names |= {one["patient"].names[index] for index in rows.patient[differ]}
    return len(names)


def _permutation(gains: Floats, permutations: int, rng: np.random.Generator) -> Permutation:
    """Two-sided permutation p value of the sum of gains, swapping the two models patient by patient."""
    differing = gains[np.abs(gains) > 1e-12]
    observed = abs(differing.sum()) - 1e-12  # tolerance: equal sums count as extreme despite rounding
    if len(differing) <= EXACT:
        signs = np.array(list(itertools.product((1, -1), repeat=len(differing))), float)
        p = float((np.abs(signs @ differing) >= observed).mean()) if len(differing) else 1.0
        return {"p": p, "differing_patients": len(differing), "permutations": None}
    signs = rng.choice((-1.0, 1.0), (permutations, len(differing)))
    p = (1 + int((np.abs(signs @ differing) >= observed).sum())) / (1 + permutations)
    return {"p": p, "differing_patients": len(differing), "permutations": permutations}


def _mcnemar(first: Sequence[dict[str, Level]], second: Sequence[dict[str, Level]]) -> McNemar:
    """Exact McNemar test by patient (Psychometrika 12, 1947): binomial test on the discordant patients."""
    from scipy.stats import binomtest  # slow to import, and not needed for inference

    if len(first) > 1:
        reason = "several repeats: a patient has more than one prediction; see the permutation test"
        return {"p": None, "only_first": None, "only_second": None, "reason": reason}
    first_correct, second_correct = (
        repeats[0]["patient"].predicted == repeats[0]["patient"].truth for repeats in (first, second)
    )
    only_first = int((first_correct & ~second_correct).sum())
    only_second = int((second_correct & ~first_correct).sum())
    p = binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0
    return {"p": float(p), "only_first": only_first, "only_second": only_second}


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p values; an undefined p value stays undefined and is not counted as a test."""
    order = sorted((value, position) for position, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    highest = 0.0
    for rank, (value, position) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * value))
        adjusted[position] = highest
    return adjusted
