"""Intermediate results under several weightings."""

import numpy as np

from livergrade.evaluation.weighted import Weighted
from tests.evaluation.simulated import jackknife_of, level_of


def test_results_are_computed_once_for_every_weighting() -> None:
    level = level_of([0, 1, 2], np.eye(3), [0, 1, 2])
    sample = Weighted(level, jackknife_of(3).multiplicities)
    assert sample.confusion.shape == (4, 3, 3)
    assert sample.confusion is sample.confusion
    assert sample.counted["accuracy"].tolist() == [1, 1, 1, 1]
