"""Agreement of two columns of grades, with intervals over patients."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.estimate import Estimate, estimate
from livergrade.evaluation.intervals import Jackknife, pseudo_patients
from livergrade.reading.coefficients import confusions_of, kappa, percent_agreement
from livergrade.reading.ratings import Ratings

ONE_GRADE = "undefined: all grades are the same"
NO_IMAGE = "no image was graded by both"
COEFFICIENT_PSEUDO = 0.5
"""Weight of the pseudo-patient of a coefficient with 30 patients, chosen by simulation."""


class Pair(TypedDict):
    """How two agree.

    Attributes:
        first: name of the first.
        second: name of the second.
        images: images that both graded.
        patients: patients of these.
        agreement: share of images with the same grade.
        kappa: Cohen's kappa.
        quadratic_kappa: weighted by the square of how many grades two are apart.
        confusion: images by grade of the first (row) and of the second (column).
    """

    first: str
    second: str
    images: int
    patients: int
    agreement: Estimate
    kappa: Estimate
    quadratic_kappa: Estimate
    confusion: list[list[int]]


def with_each_left_out(sums: Floats) -> Floats:
    """Sums over all patients, then without each of them, [1 + P, …], from [P, …]."""
    total = sums.sum(0, keepdims=True)
    return np.concatenate([total, total - sums])


def jackknife_of(patients: int) -> Jackknife:
    """The jackknife of so many patients; how many of each grade there are is left to chance."""
    return Jackknife(np.zeros(patients, np.int64), "random")


def share_estimate(values: Floats, images: int, reason: str = NO_IMAGE) -> Estimate:
    """A share of images with its interval, from float64 [1 + P]."""
    return estimate(values, images, jackknife_of(len(values) - 1), share=True, reason=reason)


def coefficient_estimate(values: Floats, images: int, reason: str = ONE_GRADE) -> Estimate:
    """A coefficient from −1 to 1 with its interval, from float64 [1 + P].

    Its pseudo-patient weighs less than that of a share, with which intervals of readers who nearly always
    agree cover too often, as simulations show (docs/agreement.md).
    """
    patients = len(values) - 1
    pseudo = pseudo_patients(COEFFICIENT_PSEUDO, patients)
    return estimate(values, images, jackknife_of(patients), bounds=(-1, 1), pseudo=pseudo, reason=reason)


def pair(
    first: str, second: str, grades: tuple[Ints, Ints], ratings: Ratings, image: Ints | None = None
) -> Pair:
    """How two columns of grades agree.

    Args:
        first: name of the first.
        second: name of the second.
        grades: their grades, int64 [N] each; −1: none.
        ratings: whose images these are.
        image: index of the image of each row; None: the rows are the images.
    """
    classes = len(ratings.classes)
    counts = ratings.by_patient(confusions_of(*grades, classes), image)
    counts = counts[counts.sum((1, 2)) > 0]  # patients of whom both graded an image
    sums = with_each_left_out(counts)
    images = round(sums[0].sum())
    reason = ONE_GRADE if images else NO_IMAGE
    return {
        "first": first,
        "second": second,
        "images": images,
        "patients": len(counts),
        "agreement": share_estimate(percent_agreement(sums), images),
        "kappa": coefficient_estimate(kappa(sums), images, reason),
        "quadratic_kappa": coefficient_estimate(kappa(sums, quadratic=True), images, reason),
        "confusion": sums[0].round().astype(int).tolist(),
    }
