"""What a network is taught of each grade: its target, and its weight in the loss."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor


def grade_targets(grades: int, neighbours: float) -> Tensor:
    """Target probabilities of each grade, ``float32 [grades, grades]``, a row for each true one.

    Label smoothing (arXiv:1512.00567, section 7) that knows the order: what is taken from the true grade goes
    in equal parts to those next to it, and all of it to the only one next to the first and the last.

    Args:
        grades: how many there are, at least 2.
        neighbours: share that is taken.
    """
    place = torch.arange(grades)
    beside = ((place[:, None] - place).abs() == 1).float()
    return (1 - neighbours) * torch.eye(grades) + neighbours * beside / beside.sum(1, keepdim=True)


def grade_weights(split: pd.DataFrame, classes: Sequence[str]) -> list[float]:
    """Weights that give each grade the same share of the loss; their mean over the training images is 1.

    They go by images and not by patients: images are what an epoch shows, and a patient may have images of
    several grades. A grade without images has weight 0.

    Args:
        split: images with the columns ``grade`` and ``split``.
        classes: the grades, in whose order the weights come.
    """
    trained_on = split.loc[split["split"] == "train", "grade"]
    counts = [int((trained_on == grade).sum()) for grade in classes]
    share = sum(counts) / sum(map(bool, counts))
    return [share / count if count else 0.0 for count in counts]
