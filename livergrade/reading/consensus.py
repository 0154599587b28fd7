"""One grade of several readers' grades, by a stated rule."""

from __future__ import annotations

from typing import Literal

import numpy as np

from livergrade.evaluation.arrays import Ints
from livergrade.reading.coefficients import counts_of
from livergrade.reading.dawid_skene import dawid_skene
from livergrade.reading.ratings import NONE, Ratings

Rule = Literal["majority", "worst", "adjudicated", "dawid_skene"]
RULES: dict[str, str] = {
    "majority": "the grade that most readers gave; of several as frequent ones the worst",
    "worst": "the worst grade that a reader gave",
    "adjudicated": "the adjudicated grade; without adjudication the grade that all readers gave, else none",
    "dawid_skene": "the most probable grade by Dawid & Skene (1979), the worse of two as probable",
}
"""Each rule in words."""


def consensus(grades: Ints, classes: int, rule: str, adjudicated: Ints | None = None) -> Ints:
    """Grade of each image.

    Args:
        grades: grade index of each image and reader, worst first, int64 [N, R]; `NONE`: not read.
        classes: number of grades.
        rule: one of `RULES`.
        adjudicated: adjudicated grade of each image, int64 [N]; `NONE`: none.

    Returns:
        int64 [N]; `NONE` where there is none.
    """
    counts = counts_of(grades, classes)
    there = counts.sum(1) > 0
    if rule == "worst":
        found = (counts > 0).argmax(1)
    elif rule == "adjudicated":
        found = np.where((counts > 0).sum(1) == 1, counts.argmax(1), NONE)
        if adjudicated is not None:
            found = np.where(adjudicated != NONE, adjudicated, found)
            there = there | (adjudicated != NONE)
    elif rule == "dawid_skene":
        found = np.full(len(grades), NONE)
        if there.any():
            found[there] = dawid_skene(grades[there], classes).grade.round(9).argmax(1)
    else:
        found = counts.argmax(1)  # the first, and so the worst, of equal ones
    return np.where(there, found, NONE).astype(np.int64)


def others_consensus(ratings: Ratings, reader: int, rule: str) -> Ints:
    """Consensus of all readers but one, int64 [N]; the majority for adjudication, which knew all grades."""
    others = np.delete(ratings.grades, reader, 1)
    return consensus(others, len(ratings.classes), "majority" if rule == "adjudicated" else rule)
