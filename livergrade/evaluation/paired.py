"""Models compared on the same test patients.

A model may have several repeats (seeds), each a table of predictions in which every test patient stands once;
for cross-validation the folds of a seed are one repeat. Patients are the units of everything here: one
bootstrap draws the same patients for both models and all repeats, and the permutation test swaps the two
models' answers for whole patients.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.intervals import draw_patients, percentiles
from livergrade.evaluation.levels import Level, aggregate, patient_grades
from livergrade.evaluation.metric_catalog import overall, weighted_metrics
from livergrade.evaluation.predictions import class_names

Tables = Mapping[str, Sequence[pd.DataFrame]]

LEVELS = ("image", "patient")
EXACT = 16
"""Up to so many patients in whom two models differ, every swap is counted instead of drawn."""


def _paired() -> list[str]:
    """Names of the figures whose differences are told."""
    return [metric.name for metric in overall() if metric.paired]


def pool_folds(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """Join the folds of one model and seed, so that every patient is tested once.

    Args:
        tables: checked predictions of the test side, one a fold.
        names: what to call each in a message.

    Raises:
        UserError: an image was tested in two folds, or the grades differ.
    """
    if len({tuple(class_names(table)) for table in tables}) > 1:
        raise UserError(f"these folds have different grades: {', '.join(names)}")
    for (one, first), (other, second) in itertools.combinations(zip(names, tables, strict=True), 2):
        if twice := sorted(set(first["image"]) & set(second["image"])):
            raise UserError(
                f"{one} and {other}: {len(twice)} test images are in both, as {', '.join(twice[:3])}; folds "
                "of one split test each image once. Run them with the same cohort, seed and split.folds."
            )
    return pd.concat(tables, ignore_index=True)


def refuse_different_tests(models: Tables) -> None:
    """Raise where models were not tested on the same images of the same patients and grades.

    Raises:
        UserError: naming each model that differs from the first, and by which patients.
    """
    columns = ["image", "patient", "grade"]
    first, *others = models
    found = []
    for name in others:
        for number, (mine, theirs) in enumerate(zip(models[first], models[name], strict=True)):
            one, other = (set(map(tuple, table[columns].to_numpy())) for table in (mine, theirs))
            if differing := one ^ other:
                patients = sorted({str(patient) for _, patient, _ in differing})
                listed = ", ".join(patients[:5]) + ", …" * (len(patients) > 5)
                where = f"{name}, repeat {number + 1}"
                found.append(
                    f"{where}: {len(differing)} images of {len(patients)} patients differ ({listed})"
                )
    if found:
        raise UserError(
            f"these were not tested on the same patients as {first}, so they can't be compared with it:\n"
            + "\n".join(f"  {line}" for line in found)
            + "\nGive runs of one cohort, split and seed, or compare them separately."
        )


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation (n - 1; null for one value) and the values of a figure over repeats."""
    return {
        "mean": fmean(values),
        "sd": stdev(values) if len(values) > 1 else None,
        "values": list(values),
    }


def compare(
    models: Tables, *, resamples: int = 2000, permutations: int = 10_000, seed: int = 0
) -> list[dict[str, Any]]:
    """Compare every two models.

    Args:
        models: name → its repeats, the same number for each, tested on the same patients.
        resamples: of the bootstrap.
        permutations: drawn where all swaps are too many to count.
        seed: of both.

    Returns:
        For each pair in the order given, as plain values: ``first``, ``second``; for ``image`` and
        ``patient`` the ``difference`` first minus second of each paired figure (an `Estimate` of the
        mean over repeats with its percentile interval) and the ``permutation`` test of the accuracy; and
        ``mcnemar`` by patient. A test has ``p`` and ``p_holm``, corrected over all pairs (Holm, Scand. J.
        Stat. 6, 1979). What is undefined is null with its reason.
    """
    rng = np.random.default_rng(seed)
    gathered = {name: [aggregate(table) for table in repeats] for name, repeats in models.items()}
    images = pd.concat(next(iter(models.values()))).drop_duplicates("image")
    patients = pd.Index(sorted(images["patient"].unique()))
    grades = patient_grades(
        np.asarray(patients.get_indexer(pd.Index(images["patient"])), np.int64),
        np.asarray(pd.Index(class_names(images)).get_indexer(pd.Index(images["grade"])), np.int64),
        len(class_names(images)),
    )
    multiplicities = np.vstack([np.ones(len(patients)), draw_patients(grades, resamples, rng)])
    lone = "one test patient only of a grade: an interval needs 2" if 1 in np.bincount(grades) else ""
    pairs: list[dict[str, Any]] = [
        {"first": first, "second": second, "mcnemar": _mcnemar(gathered[first], gathered[second])}
        for first, second in itertools.combinations(models, 2)
    ]
    for level in LEVELS:
        drawn = {name: _resampled(found, level, patients, multiplicities) for name, found in gathered.items()}
        right = {name: _right(found, level, patients) for name, found in gathered.items()}
        for pair in pairs:
            first, second = pair["first"], pair["second"]
            pair[level] = {
                "difference": {
                    metric: _difference(drawn[first][metric] - drawn[second][metric], len(patients), lone)
                    for metric in _paired()
                },
                "permutation": _permutation(right[first] - right[second], permutations, rng),
            }
    families = [[pair[level]["permutation"] for pair in pairs] for level in LEVELS]
    for family in [*families, [pair["mcnemar"] for pair in pairs]]:
        for test, p in zip(family, holm([test["p"] for test in family]), strict=True):
            test["p_holm"] = p
    return pairs


def _resampled(
    repeats: Sequence[dict[str, Level]], level: str, patients: pd.Index[str], multiplicities: Floats
) -> dict[str, Floats]:
    """Each figure under each weighting of the patients, the mean over repeats, float64 [B] each."""
    found = [
        weighted_metrics(one[level], multiplicities[:, patients.get_indexer(pd.Index(one["patient"].names))])
        for one in repeats
    ]
    return {metric: np.mean([one[metric] for one in found], axis=0) for metric in _paired()}


def _right(repeats: Sequence[dict[str, Level]], level: str, patients: pd.Index[str]) -> Floats:
    """What each patient adds to the accuracy, the mean over repeats, float64 [P]."""
    added = np.zeros(len(patients))
    for one in repeats:
        rows, names = one[level], pd.Index(one["patient"].names)
        hits = np.bincount(rows.patient, rows.predicted == rows.truth, len(names))
        added[patients.get_indexer(names)] += hits / len(rows.truth) / len(repeats)
    return added


def _difference(values: Floats, patients: int, ci_unavailable: str) -> dict[str, Any]:
    """Row 0 is the difference itself, the others are the resamples."""
    empty: dict[str, Any] = {"value": None, "low": None, "high": None, "n": patients}
    if np.isnan(values[0]):
        return empty | {"reason": "undefined for one of the two models"}
    draws = values[1:][~np.isnan(values[1:])]
    if ci_unavailable or not len(draws):
        return empty | {"value": float(values[0]), "reason": ci_unavailable or "undefined in every resample"}
    low, high = percentiles(draws)
    return empty | {"value": float(values[0]), "low": low, "high": high}


def _permutation(gains: Floats, permutations: int, rng: np.random.Generator) -> dict[str, Any]:
    """Two-sided p of the sum of the gains when the models' answers are swapped patient by patient."""
    differing = gains[np.abs(gains) > 1e-12]
    observed = abs(differing.sum()) - 1e-12  # equal sums are as extreme, whatever the rounding
    if len(differing) <= EXACT:
        signs = np.array(list(itertools.product((1, -1), repeat=len(differing))), float)
        p = float((np.abs(signs @ differing) >= observed).mean()) if len(differing) else 1.0
        return {"p": p, "differing_patients": len(differing), "permutations": None}
    signs = rng.choice((-1.0, 1.0), (permutations, len(differing)))
    p = (1 + int((np.abs(signs @ differing) >= observed).sum())) / (1 + permutations)
    return {"p": p, "differing_patients": len(differing), "permutations": permutations}


def _mcnemar(first: Sequence[dict[str, Level]], second: Sequence[dict[str, Level]]) -> dict[str, Any]:
    """Exact McNemar test by patient (Psychometrika 12, 1947): the binomial of those only one graded right."""
    from scipy.stats import binomtest  # slow to import, and grading needs none of it

    if len(first) > 1:
        reason = "several repeats: a patient has more than one answer; see the permutation test"
        return {"p": None, "only_first": None, "only_second": None, "reason": reason}
    one, other = (found[0]["patient"].predicted == found[0]["patient"].truth for found in (first, second))
    alone, alone_other = int((one & ~other).sum()), int((other & ~one).sum())
    p = binomtest(alone, alone + alone_other).pvalue if alone + alone_other else 1.0
    return {"p": float(p), "only_first": alone, "only_second": alone_other}


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p values; an undefined one stays undefined and is not counted."""
    order = sorted((value, place) for place, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    highest = 0.0
    for rank, (value, place) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * value))
        adjusted[place] = highest
    return adjusted
