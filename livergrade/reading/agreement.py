"""How readers agree: each pair, all of them together, and each with their own later reading."""

from __future__ import annotations

import itertools
from typing import TypedDict

import numpy as np

from livergrade.evaluation.estimate import Estimate
from livergrade.reading.coefficients import (
    coincidences_of,
    counts_of,
    fleiss_kappa,
    krippendorff_alpha,
    pairs_agreeing,
)
from livergrade.reading.pairs import NO_IMAGE, ONE_GRADE, Pair, coefficient_estimate, pair, with_each_left_out
from livergrade.reading.ratings import Ratings


class Together(TypedDict):
    """How all readers agree.

    Attributes:
        images: images with at least two readings.
        complete: images that all readers graded.
        fleiss_kappa: of the complete images.
        krippendorff_alpha: for ordered grades, of all images with at least two readings.
    """

    images: int
    complete: int
    fleiss_kappa: Estimate
    krippendorff_alpha: Estimate


def reader_pairs(ratings: Ratings) -> list[Pair]:
    """Agreement of each pair of readers on the images that both graded, in the order of their names."""
    return [
        pair(
            ratings.readers[one],
            ratings.readers[other],
            (ratings.grades[:, one], ratings.grades[:, other]),
            ratings,
        )
        for one, other in itertools.combinations(range(len(ratings.readers)), 2)
    ]


def together(ratings: Ratings) -> Together:
    """Agreement of all readers; with one reader both coefficients are undefined."""
    classes = len(ratings.classes)
    coincidences = coincidences_of(ratings.grades, classes)
    twice = coincidences.sum((1, 2)) > 0
    sums = ratings.by_patient(coincidences)
    sums = with_each_left_out(sums[sums.sum((1, 2)) > 0])
    reason = ONE_GRADE if twice.any() else "no image has two readings"
    return {
        "images": int(twice.sum()),
        "complete": int((ratings.grades >= 0).all(1).sum()),
        "fleiss_kappa": _fleiss(ratings),
        "krippendorff_alpha": coefficient_estimate(krippendorff_alpha(sums), int(twice.sum()), reason),
    }


def _fleiss(ratings: Ratings) -> Estimate:
    if len(ratings.readers) < 2:
        return coefficient_estimate(np.array([np.nan]), 0, "there is one reader")
    agreeing, whole = pairs_agreeing(ratings.grades, len(ratings.classes))
    counts = counts_of(ratings.grades, len(ratings.classes)) * whole[:, None]
    rows = np.column_stack([agreeing, whole, counts])
    sums = ratings.by_patient(rows)
    sums = with_each_left_out(sums[sums[:, 1] > 0])
    values = fleiss_kappa(sums[:, 0], sums[:, 1], sums[:, 2:])
    return coefficient_estimate(values, int(whole.sum()), ONE_GRADE if whole.any() else NO_IMAGE)


def own_repeats(ratings: Ratings) -> list[Pair]:
    """Agreement of each reader's later readings with their first of the same image; readers without: none."""
    return [
        pair(name, f"{name}, again", (rows[:, 2], rows[:, 3]), ratings, rows[:, 0])
        for number, name in enumerate(ratings.readers)
        if len(rows := ratings.repeats[ratings.repeats[:, 1] == number])
    ]
