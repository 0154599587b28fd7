"""Figures of a pass against scikit-learn."""

import numpy as np
import torch
from sklearn import metrics as sk

from livergrade.training.pass_metrics import grading_metrics, measure
from livergrade.training.pass_record import GradedBatchViews


def test_metrics_equal_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    grades, scores = rng.integers(0, 3, 200), rng.dirichlet([1, 1, 1], 200)
    told = scores.argmax(1)
    ours = grading_metrics(3)(torch.tensor(scores), torch.tensor(grades))
    expected = {
        "accuracy": sk.accuracy_score(grades, told),
        "balanced_accuracy": sk.balanced_accuracy_score(grades, told),
        "macro_precision": sk.precision_score(grades, told, average="macro"),
        "macro_recall": sk.recall_score(grades, told, average="macro"),
        "macro_f1": sk.f1_score(grades, told, average="macro"),
        "quadratic_kappa": sk.cohen_kappa_score(grades, told, weights="quadratic"),
        "class_accuracy": sk.recall_score(grades, told, average=None),
        "class_precision": sk.precision_score(grades, told, average=None),
        "class_recall": sk.recall_score(grades, told, average=None),
        "class_f1": sk.f1_score(grades, told, average=None),
        "class_auroc": [sk.roc_auc_score(grades == code, scores[:, code]) for code in range(3)],
        "confusion": sk.confusion_matrix(grades, told),
    }
    assert set(ours) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(ours[name], value, atol=1e-6, err_msg=name)


def test_the_precision_of_a_grade_that_was_not_predicted_is_no_0() -> None:
    # row, degrees, grade, loss, probabilities
    views = [[0, 0, 0, 0.1, 0.8, 0.1, 0.1], [1, 0, 1, 2.0, 0.8, 0.1, 0.1]]
    told, _ = measure(grading_metrics(3), GradedBatchViews(torch.tensor(views)), ["a", "b", "c"])
    assert told["precision/a"].item() == 0.5
    assert told["precision/b"].isnan()
    assert told["recall/b"].item() == 0
    assert "precision/c" not in told
