"""Targets and weights of grades."""

import pandas as pd
import pytest
import torch

from livergrade.training.losses import grade_targets, grade_weights


def test_what_is_taken_goes_to_the_grades_next_to_the_true_one() -> None:
    expected = [[0.8, 0.2, 0, 0], [0.1, 0.8, 0.1, 0], [0, 0.1, 0.8, 0.1], [0, 0, 0.2, 0.8]]
    torch.testing.assert_close(grade_targets(4, 0.2), torch.tensor(expected))
    torch.testing.assert_close(grade_targets(2, 0.2), torch.tensor([[0.8, 0.2], [0.2, 0.8]]))
    assert torch.equal(grade_targets(3, 0.0), torch.eye(3))


def test_each_grade_has_the_same_share_of_the_loss() -> None:
    grades = ["poor"] * 6 + ["moderate"] * 3 + ["well"] * 1 + ["well"] * 5
    split = pd.DataFrame({"grade": grades, "split": ["train"] * 10 + ["val"] * 5})
    weights = grade_weights(split, ["poor", "moderate", "well"])
    assert [6 * weights[0], 3 * weights[1], weights[2]] == pytest.approx([10 / 3] * 3)


def test_a_grade_that_is_not_trained_on_has_no_weight() -> None:
    split = pd.DataFrame({"grade": ["poor", "well", "well"], "split": "train"})
    assert grade_weights(split, ["poor", "moderate", "well"]) == [1.5, 0.0, 0.75]
