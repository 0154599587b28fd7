"""Intermediate results under several weightings."""

from dataclasses import replace

import numpy as np
import pytest

from livergrade.evaluation.metrics import auroc, average_precision
from livergrade.evaluation.weighted import Weighted
from tests.evaluation.simulated import jackknife_of, level_of


def test_results_are_computed_once_for_every_weighting() -> None:
    level = level_of([0, 1, 2], np.eye(3), [0, 1, 2])
    sample = Weighted(level, jackknife_of(3).multiplicities)
    assert sample.confusion.shape == (4, 3, 3)
    assert sample.confusion is sample.confusion
    assert sample.counted["accuracy"].tolist() == [1, 1, 1, 1]


def test_scores_of_two_folds_are_not_compared_with_one_another() -> None:
    """Another network has its scores higher up; within a fold their order is the same."""
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 3
    scores = rng.dirichlet(np.ones(3), 60) + 0.4 * np.eye(3)[truth]
    scores /= scores.sum(1, keepdims=True)
    fold = (np.arange(60) // 20).astype(np.int64)
    level = level_of(truth.tolist(), scores, list(range(60)))
    weights = jackknife_of(60).multiplicities
    in_folds = Weighted(replace(level, fold=fold), weights)
    for compute, found in ((auroc, in_folds.auroc), (average_precision, in_folds.average_precision)):
        parts = [compute(part, weights[:, patients]) for patients, part in replace(level, fold=fold).folds]
        sizes = np.stack([weights[:, fold == number].sum(1) for number in range(3)])[..., None]
        assert found == pytest.approx((np.stack(parts) * sizes).sum(0) / sizes.sum(0))
    offsets = np.array([0.0, 0.5, 1.0])[fold][:, None]
    shifted = Weighted(replace(level, scores=scores + offsets, fold=fold), weights)
    assert shifted.auroc == pytest.approx(in_folds.auroc)
    pooled = auroc(replace(level, scores=scores + offsets), weights[:1])
    assert (pooled < in_folds.auroc[:1] - 0.05).all()


def test_a_fold_without_a_grade_is_left_out_and_all_of_them_are_undefined() -> None:
    level = level_of([0, 1, 0, 0], np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]), [0, 1, 2, 3])
    folds = replace(level, fold=np.array([0, 0, 1, 1]))
    found = Weighted(folds, np.array([[1.0, 1, 1, 1], [1, 0, 1, 1]])).auroc
    assert found[0].tolist() == [1, 1]
    assert np.isnan(found[1]).all()
