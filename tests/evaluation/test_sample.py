"""The test patients of several trainings."""

import numpy as np
import pandas as pd
import pytest

from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.sample import Sample
from tests.evaluation.test_paired import predictions


def test_every_patient_and_every_fold_is_left_out_once() -> None:
    table = predictions(1)
    folds = pd.Series({f"P{number:02d}": number % 3 + 1 for number in range(24)})
    sample = Sample.of([table, predictions(2)], folds)
    assert sample.same
    assert sample.folds == 3
    weights = sample.multiplicities
    assert weights.shape == (1 + 24 + 3, 24)
    assert weights.sum(1).tolist() == [24] + [23] * 24 + [16] * 3
    levels = aggregate(table)
    for level in ("image", "patient"):
        names = levels["patient"].names
        accuracy = sample.metrics(levels[level], names)["accuracy"]
        assert sample.accuracy(levels[level], names) == pytest.approx(accuracy)


def test_tests_of_other_patients_are_joined_and_share_no_folds() -> None:
    table = predictions(1)
    first, second = table[table["patient"] < "P16"], table[table["patient"] >= "P08"]
    sample = Sample.of([first, second], pd.Series(0, sorted(table["patient"].unique())))
    assert not sample.same
    assert len(sample.patients) == 24
    assert sample.folds == 0
    level = aggregate(first)["patient"]
    accuracy = sample.accuracy(level, level.names)
    assert np.all(accuracy[17:] == accuracy[0])  # without a patient that it did not test nothing changes
    assert sample.ci_unavailable == ""
