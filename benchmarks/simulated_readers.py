"""Readers of known accuracy, for simulations."""

from __future__ import annotations

import numpy as np

from livergrade.evaluation.arrays import Floats


def confusion(accuracy: float) -> Floats:
    """What a reader says (column) of an image of each of three grades (row), float64 [3, 3].

    A mistake at an end goes to the neighbour three times as often as to the other end.
    """
    rest = 1 - accuracy
    return np.array(
        [
            [accuracy, 0.75 * rest, 0.25 * rest],
            [rest / 2, accuracy, rest / 2],
            [0.25 * rest, 0.75 * rest, accuracy],
        ]
    )
