"""Targets of the loss for each grade, and class weights."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor


def grade_targets(grades: int, neighbours: float) -> Tensor:
    """Return target probabilities, ``float32 [grades, grades]``, one row per true grade.

    Label smoothing (arXiv:1512.00567, section 7) for ordered grades: the smoothed share is split equally
    between the two adjacent grades; the first and the last grade give all of it to their only neighbour.

    Args:
        grades: number of grades, at least 2.
        neighbours: probability moved from the true grade to its neighbours.
    """
    index = torch.arange(grades)
    adjacent = ((index[:, None] - index).abs() == 1).float()
    return (1 - neighbours) * torch.eye(grades) + neighbours * adjacent / adjacent.sum(1, keepdim=True)


def grade_weights(split: pd.DataFrame, classes: Sequence[str]) -> list[float]:
    """Return weights that give each grade the same share of the loss; their mean over training images is 1.

    They are computed from image counts, not patient counts: an epoch iterates over images, and a patient may
    have images of several grades. A grade without images has weight 0.

    Args:
        split: images with the columns ``grade`` and ``split``.
        classes: the grades, in the order of the weights.
    """
    train_grades = split.loc[split["split"] == "train", "grade"]
    counts = [int((train_grades == grade).sum()) for grade in classes]
    share = sum(counts) / sum(map(bool, counts))
    return [share / count if count else 0.0 for count in counts]
