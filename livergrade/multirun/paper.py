"""Printed results of the reference paper, and the confusion matrices that they imply.

Chen et al., BMC Medical Informatics and Decision Making 2022, 22:176, doi 10.1186/s12911-022-01919-1. It
tests 3,132 views: 87 images, each rotated 36 times, from a split by image. It prints no confidence intervals;
they would have to be computed over images or patients, not over views.

Each printed recall and precision is a quotient of integers, and these integers are unique: they determine
the diagonal and the margins of each model's confusion matrix. The six off-diagonal cells have five
independent sums, so one number remains free (`feasible`). No symmetric metric depends on it: besides
accuracy, precision, recall and F1, the errors between each pair of grades, the mean absolute error and every
kappa are exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

CLASSES = ("poor", "moderate", "well")

TABLE_1 = {
    "poor": {"men": 17, "women": 7},
    "moderate": {"men": 25, "women": 3},
    "well": {"men": 18, "women": 2},
}
"""Patients by grade, the sums over the three age groups of the printed table: 72 in all. The images are of 74
samples, six of each; two patients may have given two."""

TABLE_3 = {
    "poor": {"images": 144, "views": 5184, "train": 4176, "test": 1008},
    "moderate": {"images": 168, "views": 6048, "train": 4860, "test": 1188},
    "well": {"images": 132, "views": 4752, "train": 3816, "test": 936},
}
"""Images, and views of each split part."""

TABLE_5 = {
    "vgg16": {"poor": 77.98, "moderate": 79.12, "well": 73.08, "total": 76.95},
    "resnet50": {"poor": 96.43, "moderate": 90.99, "well": 95.94, "total": 94.22},
    "cbam": {"poor": 95.24, "moderate": 94.28, "well": 94.76, "total": 94.73},
    "senet": {"poor": 98.41, "moderate": 92.59, "well": 95.30, "total": 95.27},
    "sknet": {"poor": 96.43, "moderate": 93.94, "well": 95.30, "total": 95.15},
}
"""Accuracy of each grade (its recall) and of all views, %."""

_METRICS = ("precision", "recall", "f1")
_TABLE_6 = {  # model → grade by grade, precision, recall, F1
    "vgg16": ((70.43, 77.98, 74.01), (77.56, 79.12, 78.33), (85.07, 73.08, 78.62)),
    "resnet50": ((90.08, 96.43, 93.15), (96.60, 90.99, 93.71), (96.15, 95.94, 96.04)),
    "cbam": ((90.48, 95.24, 92.80), (98.42, 94.28, 96.30), (95.07, 94.76, 94.92)),
    "senet": ((92.02, 99.41, 95.11), (98.21, 92.59, 95.32), (95.50, 95.30, 95.40)),
    "sknet": ((92.22, 96.43, 94.28), (96.21, 93.94, 95.06), (97.17, 95.30, 96.22)),
}
TABLE_6 = {
    model: {grade: dict(zip(_METRICS, row, strict=True)) for grade, row in zip(CLASSES, rows, strict=True)}
    for model, rows in _TABLE_6.items()
}
"""Precision, recall and F1 by model and grade, %."""


_Row = TypeVar("_Row")


def printed(table: Mapping[str, _Row], model: str, classes: Sequence[str]) -> _Row | None:
    """A model's row of `TABLE_5` or `TABLE_6`; None if the model or the grades are not the paper's."""
    return table.get(model) if list(classes) == list(CLASSES) else None


@dataclass(frozen=True)
class Misprint:
    """A printed number that contradicts the others.

    Attributes:
        where: table, row and column.
        printed: the printed number.
        implied: the number that the other numbers imply.
        why: evidence.
    """

    where: str
    printed: float
    implied: float
    why: str


MISPRINTS = (
    Misprint(
        "Table 6, SENet, poor, recall",
        99.41,
        98.41,
        "no number of 1,008 views is 99.41 %; Table 5 and the text say 98.41 %, which with the other numbers "
        "gives the printed accuracy, precision and F1",
    ),
)


def counts(model: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Diagonal and column sums of a model's confusion matrix, int64 [3] each, from the printed percentages.

    Args:
        model: A key of `TABLE_5`.

    Raises:
        ValueError: The printed numbers do not determine them.
    """
    true = [TABLE_3[grade]["test"] for grade in CLASSES]
    correct, predicted = [], []
    for grade, n in zip(CLASSES, true, strict=True):
        hits = [k for k in range(n + 1) if _rounds_to(k / n, TABLE_5[model][grade])]
        sums = [
            (k, total)
            for k in hits
            for total in range(max(k, 1), sum(true) + 1)
            if _rounds_to(k / total, TABLE_6[model][grade]["precision"])
            and _rounds_to(2 * k / (n + total), TABLE_6[model][grade]["f1"])
        ]
        if len(sums) != 1:
            raise ValueError(f"{model}, {grade}: {len(sums)} pairs of integers fit the printed numbers")
        correct.append(sums[0][0])
        predicted.append(sums[0][1])
    return np.array(correct), np.array(predicted)


def _rounds_to(share: float, printed: float) -> bool:
    return abs(100 * share - printed) <= 0.005 + 1e-9


def feasible(model: str) -> npt.NDArray[np.int64]:
    """All confusion matrices that agree with a model's printed numbers.

    Returns:
        Counts, rows are the truth, int64 [M, 3, 3], ordered by the number of poor views called moderate.
    """
    true = np.array([TABLE_3[grade]["test"] for grade in CLASSES])
    correct, predicted = counts(model)
    # row and column sums without the diagonal
    false_negatives, false_positives = true - correct, predicted - correct
    matrices = []
    for poor_as_moderate in range(false_negatives[0] + 1):
        poor_as_well = false_negatives[0] - poor_as_moderate
        well_as_moderate = false_positives[1] - poor_as_moderate
        well_as_poor = false_negatives[2] - well_as_moderate
        moderate_as_poor = false_positives[0] - well_as_poor
        moderate_as_well = false_negatives[1] - moderate_as_poor
        matrix = np.array(
            [
                [correct[0], poor_as_moderate, poor_as_well],
                [moderate_as_poor, correct[1], moderate_as_well],
                [well_as_poor, well_as_moderate, correct[2]],
            ]
        )
        if (matrix >= 0).all():
            matrices.append(matrix)
    return np.array(matrices)
