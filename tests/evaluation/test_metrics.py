"""Figures of merit from counts and scores, against scikit-learn and hand-worked numbers."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics as sk

from livergrade.evaluation.metrics import auroc, count_metrics, roc_points
from tests.conftest import examples
from tests.evaluation.simulated import level_of, scored


@settings(deadline=None, max_examples=examples(40))
@given(scored())
def test_weighted_auroc_equals_scikit_learn(case):
    k, truth, scores, weights = case
    level = level_of(truth, scores, np.arange(len(truth)))  # every row a patient of its own
    found = auroc(level, weights[None])[0]
    for c in range(k):
        drawn = weights > 0
        if len(np.unique(truth[drawn] == c)) < 2:
            assert np.isnan(found[c])
            continue
        area = sk.roc_auc_score(truth[drawn] == c, scores[drawn, c], sample_weight=weights[drawn])
        assert found[c] == pytest.approx(area, abs=1e-9)


@settings(deadline=None, max_examples=examples(40))
@given(scored())
def test_roc_points_equal_scikit_learn(case):
    _, truth, scores, _ = case
    if 0 < (truth == 0).sum() < len(truth):
        expected = sk.roc_curve(truth == 0, scores[:, 0], drop_intermediate=False)
        np.testing.assert_allclose(roc_points(truth == 0, scores[:, 0]), expected[:2], rtol=0, atol=1e-12)


def test_a_matrix_worked_by_hand():
    # Rows 6, 5, 4; columns 6, 6, 3; n = 15. Five errors of one grade.
    # By chance: one grade apart (6·6 + 5·6 + 5·3 + 4·6) / 15 = 7; two, weighing 4, (6·3 + 4·6) / 15 = 2.8.
    found = count_metrics([[5, 1, 0], [1, 3, 1], [0, 2, 2]])
    assert found["accuracy"] == pytest.approx(10 / 15)
    assert found["recall"].tolist() == pytest.approx([5 / 6, 3 / 5, 2 / 4])
    assert found["precision"].tolist() == pytest.approx([5 / 6, 3 / 6, 2 / 3])
    assert found["f1"].tolist() == pytest.approx([10 / 12, 6 / 11, 4 / 7])
    assert found["specificity"].tolist() == pytest.approx([8 / 9, 7 / 10, 10 / 11])
    assert found["balanced_accuracy"] == pytest.approx((5 / 6 + 3 / 5 + 1 / 2) / 3)
    assert found["mean_absolute_error"] == pytest.approx(5 / 15)
    assert found["quadratic_kappa"] == pytest.approx(1 - 5 / (7 + 4 * 2.8))
    assert found["two_grade_error_rate"] == 0


def test_the_papers_senet_figures_follow_from_its_counts():
    # One of the matrices that the printed tables allow (test images 1008, 1188, 936).
    found = count_metrics([[992, 8, 8], [54, 1100, 34], [32, 12, 892]])
    assert round(100 * float(found["accuracy"]), 2) == 95.27
    assert (100 * found["recall"]).round(2).tolist() == [98.41, 92.59, 95.30]
    assert round(100 * float(found["precision"][0]), 2) == 92.02
    assert float(found["quadratic_kappa"]) == pytest.approx(0.9321, abs=5e-5)
    assert float(found["mean_absolute_error"]) == pytest.approx(188 / 3132)


@pytest.mark.slow
def test_nothing_right_of_predictions_imports_torch():
    code = (
        "import sys, livergrade.evaluation.metrics;"
        "import livergrade.reports.run_plots, livergrade.reports.run_report;"
        "bad = {'torch', 'lightning', 'hydra', 'matplotlib.pyplot', 'sklearn'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
