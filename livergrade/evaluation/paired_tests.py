"""Tests of two models on the same test patients: permutation, McNemar's, and Student's t over trainings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.levels import Level
from livergrade.evaluation.trainings import Inference

EXACT = 16
"""With at most this many differing patients the permutation test enumerates all swaps instead of sampling."""


class Test(TypedDict):
    """Test of the difference in accuracy of two models.

    Attributes:
        p: two-sided p value; null without an interval of several trainings.
        method: of two trainings the permutation test, of several trainings of each Student's t.
        differing_patients: of a permutation: patients to whose accuracy the models contribute differently.
        permutations: of a permutation: number of random swaps; null if all swaps were enumerated.
        freedom: of Student's t: degrees of freedom.
        p_holm: p value corrected over all pairs; missing until all pairs are tested.
    """

    p: float | None
    method: str
    differing_patients: NotRequired[int]
    permutations: NotRequired[int | None]
    freedom: NotRequired[float]
    p_holm: NotRequired[float | None]


class McNemar(TypedDict):
    """Exact McNemar test of two models by patient.

    Attributes:
        p: p value; null with several trainings.
        only_first: patients that only the first model grades correctly; null with several trainings.
        only_second: patients that only the second model grades correctly; null with several trainings.
        reason: why there is no test.
        p_holm: p value corrected over all pairs; null without a test; missing until all pairs are tested.
    """

    p: float | None
    only_first: int | None
    only_second: int | None
    reason: NotRequired[str]
    p_holm: NotRequired[float | None]


def permutation_test(gains: Floats, permutations: int, rng: np.random.Generator) -> Test:
    """Two-sided permutation p value of the sum of gains, swapping two trainings patient by patient.

    Args:
        gains: accuracy that each patient adds to the first less what it adds to the second, float64 [P].
        permutations: number of random swaps where there are too many to enumerate.
        rng: random generator.
    """
    method = "permutation of patients"
    differing = gains[np.abs(gains) > 1e-12]
    observed = abs(differing.sum()) - 1e-12  # tolerance: equal sums count as extreme despite rounding
    if len(differing) <= EXACT:
        signs = np.array(list(itertools.product((1, -1), repeat=len(differing))), float)
        p = float((np.abs(signs @ differing) >= observed).mean()) if len(differing) else 1.0
        return {"p": p, "method": method, "differing_patients": len(differing), "permutations": None}
    signs = rng.choice((-1.0, 1.0), (permutations, len(differing)))
    p = (1 + int((np.abs(signs @ differing) >= observed).sum())) / (1 + permutations)
    return {"p": p, "method": method, "differing_patients": len(differing), "permutations": permutations}


def trainings_test(inference: Inference | None) -> Test:
    """Student's t test of the difference over trainings and patients; agrees with its interval."""
    from scipy.stats import t  # slow to import, and not needed for inference

    method = "Student's t, patients and trainings"
    if inference is None:
        return {"p": None, "method": method}
    p = float(2 * t.sf(abs(inference.centre) / inference.error, inference.freedom))
    return {"p": p, "method": method, "freedom": inference.freedom}


def mcnemar(first: Sequence[dict[str, Level]], second: Sequence[dict[str, Level]]) -> McNemar:
    """Exact McNemar test by patient (Psychometrika 12, 1947): binomial test on the discordant patients."""
    from scipy.stats import binomtest  # slow to import, and not needed for inference

    if len(first) > 1:
        reason = "several trainings: a patient has more than one prediction"
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


def set_holm(tests: Sequence[Test] | Sequence[McNemar]) -> None:
    """Set ``p_holm`` of each test, corrected over all of them."""
    for test, p in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p_holm"] = p
