"""Coefficients of agreement from sums of counts, for many sums at once.

Each function takes counts of which the first axis are samples (all patients, then all but one), and returns
float64 [B], NaN where the coefficient is undefined.
"""

from __future__ import annotations

import numpy as np

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.intervals import Bools


def share(part: Floats, whole: Floats) -> Floats:
    """The quotient, NaN where nothing is divided by nothing."""
    out = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=whole > 1e-12))


def percent_agreement(confusion: Floats) -> Floats:
    """Share of images with the same grade; ``confusion``: float64 [B, K, K], first reader by row."""
    return share(np.trace(confusion, axis1=1, axis2=2), confusion.sum((1, 2)))


def kappa(confusion: Floats, *, quadratic: bool = False) -> Floats:
    """Cohen's kappa (Educ. Psychol. Meas. 20, 1960) or, with weights (i − j)², his weighted kappa (1968).

    Args:
        confusion: float64 [B, K, K].
        quadratic: whether a disagreement weighs by the square of how many grades it is.
    """
    grade = np.arange(confusion.shape[1])
    apart = np.subtract.outer(grade, grade) ** 2.0
    weights = apart if quadratic else (apart > 0).astype(float)
    total = confusion.sum((1, 2))
    chance = np.einsum("bi,bj->bij", confusion.sum(2), confusion.sum(1))
    expected = share((weights * chance).sum((1, 2)), total)
    return 1 - share((weights * confusion).sum((1, 2)), expected)


def fleiss_kappa(agreeing: Floats, images: Floats, grades: Floats) -> Floats:
    """Fleiss' kappa (Psychol. Bull. 76, 1971) of images that all readers graded.

    Args:
        agreeing: sum over images of the share of pairs of readers who agree, float64 [B].
        images: number of images, float64 [B].
        grades: readings of each grade, float64 [B, K].
    """
    total = np.broadcast_to(grades.sum(1, keepdims=True), grades.shape)
    chance = (share(grades, total) ** 2).sum(1)
    return share(share(agreeing, images) - chance, 1 - chance)


def krippendorff_alpha(coincidences: Floats) -> Floats:
    """Krippendorff's alpha for ordered grades (Content Analysis, 2004, chapter 11).

    Args:
        coincidences: float64 [B, K, K], from `coincidences_of`, summed over images.
    """
    n = coincidences.sum(2)
    upto = np.cumsum(n, 1)
    between = np.abs(upto[:, :, None] - upto[:, None, :])  # readings above the lower, up to the higher grade
    first, second = n[:, :, None], n[:, None, :]
    lower = np.tri(n.shape[1], dtype=bool).T  # row is the lower grade
    between = between + np.where(lower, (first - second) / 2, (second - first) / 2)
    apart = np.where(np.eye(n.shape[1], dtype=bool), 0, between) ** 2
    observed = (coincidences * apart).sum((1, 2))
    expected = (first * second * apart).sum((1, 2))
    return np.asarray(1 - (n.sum(1) - 1) * share(observed, expected))


def counts_of(grades: Ints, classes: int) -> Floats:
    """Readings of each grade of each image, float64 [N, K], from int64 [N, R] with −1 for none."""
    return np.asarray((grades[:, :, None] == np.arange(classes)).sum(1), np.float64)


def coincidences_of(grades: Ints, classes: int) -> Floats:
    """Pairs of readings of each image, each weighed by one over its readings less one, float64 [N, K, K].

    An image with fewer than two readings has none.
    """
    counts = counts_of(grades, classes)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(classes)
    others = counts.sum(1) - 1
    found = np.where(others[:, None, None] > 0, pairs / np.maximum(others, 1)[:, None, None], 0.0)
    return np.asarray(found)


def confusions_of(first: Ints, second: Ints, classes: int) -> Floats:
    """A matrix for each image with a 1 where its two grades are, float64 [N, K, K]; zeros if one is none."""
    grade = np.arange(classes)
    one = (first[:, None] == grade)[:, :, None] & (second[:, None] == grade)[:, None, :]
    return np.asarray(one, np.float64)


def pairs_agreeing(grades: Ints, classes: int) -> tuple[Floats, Bools]:
    """Share of pairs of readings that agree, float64 [N], and which images all readers graded, bool [N]."""
    counts, readers = counts_of(grades, classes), grades.shape[1]
    whole = np.asarray((grades >= 0).all(1))
    agreeing = (counts * (counts - 1)).sum(1) / (readers * (readers - 1))
    return np.where(whole, agreeing, 0.0), whole
